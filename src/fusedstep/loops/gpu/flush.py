"""The loop that wakes all rows."""

from typing import Any

import triton.language as tl

from .catch_up_row import wake


def flush(
    states: Any,
    pitches: Any,
    rows: Any,
    slept: Any,
    width: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """A program's rows wake."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    wake(states, pitches, row, row < rows, slept, width, COLUMNS)
