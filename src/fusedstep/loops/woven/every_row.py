"""The loop over every row: the rows that are named take the step with their sum, all others with a zero gradient."""

from typing import Any

from .span_words import idle, part, unbroken, update_by_sums
from .totals import total_of


def every_row(
    states: Any,
    pitches: Any,
    gradient: Any,
    groups: Any,
    named: Any,
    sums: Any,
    spare: int,
    order: Any,
    first: int,
    last: int,
    start: int,
    stop: int,
    width: int,
    scalars: Any,
) -> None:
    """Rows ``start`` to ``stop`` take the step in the order of memory; the named ones are ``order[first:last]``."""
    done = start
    for number in order[first:last]:
        row = named[number]
        # An untouched run between two touched rows is one long flat span.
        idle_rows(states, pitches, done, row, width, scalars)
        total = total_of(number, gradient, width, groups, sums, spare)
        update_by_sums(part(states, pitches, row, row + 1, width), total, scalars)
        done = row + 1
    idle_rows(states, pitches, done, stop, width, scalars)


def idle_rows(states: Any, pitches: Any, start: int, stop: int, width: int, scalars: Any) -> None:
    """Rows ``start`` to ``stop`` take the step with a zero gradient."""
    if unbroken(pitches, width):
        idle(part(states, pitches, start, stop, width), scalars)
    else:
        for row in range(start, stop):
            idle(part(states, pitches, row, row + 1, width), scalars)
