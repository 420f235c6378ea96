"""The loop over every row: unique rows take the step with the sum of their gradients, others with a zero gradient."""

from typing import Any

import triton.language as tl

from .span_words import idle_rows, update_rows_by_sums


def every_row(
    states: Any,
    row_strides: Any,
    gradient: Any,
    places: Any,
    gradient_rows: Any,
    weights: Any,
    segment_ends: Any,
    long_sums: Any,
    rows: Any,
    width: Any,
    scalars: Any,
    LONG: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """Step the rows of the program; ``places`` holds the place of each row's first sorted index, or -1."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    present = row < rows
    place = tl.load(places + row, mask=present, other=-1)
    if tl.max(tl.max(place, axis=1), axis=0) < 0:
        idle_rows(states, row_strides, row, present, width, scalars, COLUMNS)
    else:
        stop = tl.load(segment_ends + place, mask=place >= 0, other=-1).to(tl.int32)
        # A row without gradients has the sum zero.
        update_rows_by_sums(
            states,
            row_strides,
            row,
            present,
            (gradient, gradient_rows, weights, place, stop, long_sums, LONG),
            width,
            scalars,
            COLUMNS,
        )
