"""The loop in which all rows take their pending steps."""

from typing import Any

import triton.language as tl

from .catch_up_row import catch_up_row


def flush(
    states: Any,
    row_strides: Any,
    rows: Any,
    pending: Any,
    width: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """Catch up the rows of the program."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    catch_up_row(states, row_strides, row, row < rows, pending, width, COLUMNS)
