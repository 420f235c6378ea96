"""The loop in which the unique rows take their pending steps."""

from typing import Any

import triton.language as tl

from .catch_up_row import catch_up_row, note_step
from .grouping import first_of_row


def catch_up(
    states: Any,
    row_strides: Any,
    sorted_indices: Any,
    count: Any,
    rows: Any,
    pending: Any,
    width: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """Catch up the rows whose first sorted index is among those of the program."""
    place = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    row, first = first_of_row(sorted_indices, place, count, rows)
    catch_up_row(states, row_strides, row, first, pending, width, COLUMNS)
    _, _, _, _, last_steps, now, _, _ = pending
    note_step(last_steps, row, first, now)
