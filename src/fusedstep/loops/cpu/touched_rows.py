"""The loop over touched rows: only the rows that are named take the step, with the sum of their gradients."""

from typing import Any

from .span_words import fetch, part, update_by_sums
from .totals import total_of

# How many rows ahead of the step memory is asked for.
AHEAD = 16


def touched_rows(
    states: Any,
    pitches: Any,
    gradient: Any,
    groups: Any,
    named: Any,
    sums: Any,
    spare: int,
    start: int,
    stop: int,
    width: int,
    scalars: Any,
) -> None:
    """The rows numbered ``start`` to ``stop`` take the step."""
    for number in range(start, stop):
        if number + AHEAD < stop:
            fetch(states, pitches, named[number + AHEAD], width)
        row = named[number]
        total = total_of(number, gradient, width, groups, sums, spare)
        update_by_sums(part(states, pitches, row, row + 1, width), total, scalars)
