"""The loop in which all rows take their pending steps."""

from typing import Any

import triton.language as tl

from .catch_up_row import catch_up_row, note_step


def flush(
    states: Any,
    row_strides: Any,
    rows: Any,
    pending: Any,
    width: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """Catch up all rows, if there are pending steps. Programs take tiles in turn."""
    _, _, _, _, last_steps, now, _, _ = pending
    if now > 0:
        for tile in range(tl.program_id(0), (rows + ROWS - 1) // ROWS, tl.num_programs(0)):
            row = tile * ROWS + tl.arange(0, ROWS)[:, None]
            catch_up_row(states, row_strides, row, row < rows, pending, width, COLUMNS)
            # A second flush then changes nothing.
            note_step(last_steps, row, row < rows, now)
