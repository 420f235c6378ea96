"""Prefetching of rows before their step."""

from typing import Any

from .block import ADDRESS, RECORD, ROW_BYTES, ROW_STRIDE, STATE_COUNT, STATES
from .memory import prefetch_to_write

# Rows are prefetched this many rows ahead.
AHEAD = 16
CACHE_LINE = 64
# After these lines the hardware's prefetcher follows.
LINES = 16


def prefetch_row(call: Any, row: int) -> None:
    """Prefetch the first lines of a row of every state."""
    for record in range(STATES, STATES + RECORD * call[STATE_COUNT], RECORD):
        address = call[record + ADDRESS] + row * call[record + ROW_STRIDE]
        for line in range(0, min(call[record + ROW_BYTES], LINES * CACHE_LINE), CACHE_LINE):
            prefetch_to_write(address + line)
