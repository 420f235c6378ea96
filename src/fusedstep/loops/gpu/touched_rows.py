"""The loop over touched rows: only the unique rows take the step, with the sum of their gradients."""

from typing import Any

import triton.language as tl

from .grouping import first_of_row
from .span_words import update_rows_by_sums


def touched_rows(
    states: Any,
    row_strides: Any,
    gradient: Any,
    sorted_indices: Any,
    gradient_rows: Any,
    weights: Any,
    segment_ends: Any,
    long_sums: Any,
    count: Any,
    rows: Any,
    width: Any,
    scalars: Any,
    LONG: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """Step the rows whose first sorted index is among those of the program."""
    place = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    row, first = first_of_row(sorted_indices, place, count, rows)
    stop = tl.load(segment_ends + place, mask=first, other=0).to(tl.int32)
    sums = (gradient, gradient_rows, weights, place, stop, long_sums, LONG)
    update_rows_by_sums(states, row_strides, row, first, sums, width, scalars, COLUMNS)
