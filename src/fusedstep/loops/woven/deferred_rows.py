"""The loop of a deferred step: the rows that are named wake, then take the step with the sum of their gradients."""

from typing import Any

from .groups import ORDER
from .span_words import fetch, fetch_last, part, remembered, update_by_sums
from .totals import total_of
from .waking import wake

# How many rows ahead of the step memory is asked for.
AHEAD = 16


def deferred_rows(
    states: Any,
    pitches: Any,
    gradient: Any,
    groups: Any,
    named: Any,
    sums: Any,
    spare: int,
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
    """The rows from ``start`` to ``stop``, whose sums are made, take step ``now``, whose scalars the history holds
    already."""
    scalars = remembered(history, now)
    for place in range(start, stop):
        if place + AHEAD < stop:
            ahead = named[groups[ORDER, place + AHEAD]]
            fetch_last(lasts, ahead)
            fetch(states, pitches, ahead, width)
        number = groups[ORDER, place]
        row = named[number]
        if lasts[row] < now:
            wake(states, pitches, row, history, totals, held, lasts, now, window, closed, width)
        total = total_of(number, gradient, width, groups, sums, spare)
        update_by_sums(part(states, pitches, row, row + 1, width), total, scalars)
        lasts[row] = now + 1
