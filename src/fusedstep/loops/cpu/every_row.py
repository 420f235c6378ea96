"""The loop over every row: the rows that are named take the step with their sum, all others with a zero gradient."""

from typing import Any

from .grouping import gradient_of, group, in_row_order, sum_groups
from .span_words import empty_sums, idle, part, unbroken, update_by_sums


def every_row(
    states: Any, pitches: Any, gradient: Any, indices: Any, width: int, start: int, stop: int, scalars: Any
) -> None:
    """Rows ``start`` to ``stop`` take the step, in the order of memory."""
    rows, firsts, slots, positions, numbers, summed = group(indices, 1, 0, start, stop)
    sums = empty_sums((summed + 1) * width)
    sum_groups(gradient, width, firsts, slots, positions, numbers, sums)
    done = start
    for number in in_row_order(rows, start, stop):
        row = rows[number]
        idle_rows(states, pitches, done, row, width, scalars)
        total = gradient_of(number, gradient, width, firsts, slots, sums)
        update_by_sums(part(states, pitches, row, row + 1, width), total, scalars)
        done = row + 1
    idle_rows(states, pitches, done, stop, width, scalars)


def idle_rows(states: Any, pitches: Any, start: int, stop: int, width: int, scalars: Any) -> None:
    """Rows ``start`` to ``stop`` take the step with a zero gradient: one long span where memory allows."""
    if unbroken(pitches, width):
        idle(part(states, pitches, start, stop, width), scalars)
    else:
        for row in range(start, stop):
            idle(part(states, pitches, row, row + 1, width), scalars)
