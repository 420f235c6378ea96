"""The loop over touched rows: only the rows that are named take the step, with the sum of their gradients."""

from typing import Any

from .groups import ORDER
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
    """The rows from ``start`` to ``stop``, whose sums are made, take the step."""
    for place in range(start, stop):
        if place + AHEAD < stop:
            fetch(states, pitches, named[groups[ORDER, place + AHEAD]], width)
        number = groups[ORDER, place]
        row = named[number]
        total = total_of(number, gradient, width, groups, sums, spare)
        update_by_sums(part(states, pitches, row, row + 1, width), total, scalars)
