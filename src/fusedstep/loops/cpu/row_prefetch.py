"""Asks for the memory of a row before its step."""

from typing import Any

from .block import ADDRESS, RECORD, ROW_BYTES, ROW_STRIDE, STATE_COUNT, STATES
from .memory import prefetch_to_write

# How many rows ahead of the step memory is asked for.
AHEAD = 16
CACHE_LINE = 64
# Beyond so many lines the hardware's own prefetcher has caught on.
LINES = 16


def prefetch_row(call: Any, row: int) -> None:
    """Prefetches the first lines of a row of every state."""
    for record in range(STATES, STATES + RECORD * call[STATE_COUNT], RECORD):
        address = call[record + ADDRESS] + row * call[record + ROW_STRIDE]
        for line in range(0, min(call[record + ROW_BYTES], LINES * CACHE_LINE), CACHE_LINE):
            prefetch_to_write(address + line)
