"""The loop that wakes rows: those that are named, or all of them, take the steps that they have slept through."""

from typing import Any

from .span_words import fetch, fetch_last
from .waking import wake

# How many rows ahead of the step memory is asked for.
AHEAD = 16


def catch_up(
    states: Any,
    pitches: Any,
    named: Any,
    history: Any,
    totals: Any,
    held: Any,
    lasts: Any,
    now: int,
    window: int,
    closed: int,
    start: int,
    stop: int,
    width: int,
) -> None:
    """The rows numbered ``start`` to ``stop`` wake; where none is named, the rows from ``start`` to ``stop``."""
    if named.size == 0:
        for row in range(start, stop):
            wake(states, pitches, row, history, totals, held, lasts, now, window, closed, width)
    for number in range(start, min(stop, named.size)):
        if number + AHEAD < stop:
            fetch_last(lasts, named[number + AHEAD])
            fetch(states, pitches, named[number + AHEAD], width)
        wake(states, pitches, named[number], history, totals, held, lasts, now, window, closed, width)
