"""The loop over touched rows: only the rows that are named take the step, with the sum of their gradients."""

from typing import Any

from .grouping import gradient_of, group, sum_groups
from .span_words import empty_sums, fetch, part, update_by_sums

# How many rows ahead of the step memory is asked for.
AHEAD = 16


def touched_rows(
    states: Any,
    pitches: Any,
    gradient: Any,
    indices: Any,
    width: int,
    multiplier: int,
    shift: int,
    low: int,
    high: int,
    scalars: Any,
) -> None:
    """The named rows placed from ``low`` to ``high`` take the step, in the order in which they appear."""
    rows, firsts, slots, positions, numbers, summed = group(indices, multiplier, shift, low, high)
    sums = empty_sums((summed + 1) * width)
    sum_groups(gradient, width, firsts, slots, positions, numbers, sums)
    for number in range(rows.size):
        if number + AHEAD < rows.size:
            fetch(states, pitches, rows[number + AHEAD], width)
        row = rows[number]
        total = gradient_of(number, gradient, width, firsts, slots, sums)
        update_by_sums(part(states, pitches, row, row + 1, width), total, scalars)
