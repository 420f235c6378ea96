"""The dense loop by rows, for rows with gaps between them and for rules with sums by row."""

from typing import Any

import triton.language as tl

from .span_words import update_rows


def dense_rows(
    states: Any, row_strides: Any, gradient: Any, rows: Any, width: Any, scalars: Any, ROWS: Any, COLUMNS: Any
) -> None:
    """Step the rows of the program."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    update_rows(states, row_strides, row, row < rows, gradient, width, scalars, COLUMNS)
