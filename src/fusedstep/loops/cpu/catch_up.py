"""The loop that wakes rows: those that are named take the steps that they have slept through."""

from .block import START, STOP, UNIQUE_ROWS
from .catch_up_row import prefetch_sleeper, wake
from .memory import int64s
from .row_prefetch import AHEAD


def catch_up(block: int) -> None:
    """The unique rows of the part, by number, wake."""
    call = int64s(block)
    unique_rows, stop = int64s(call[UNIQUE_ROWS]), call[STOP]
    for number in range(call[START], stop):
        if number + AHEAD < stop:
            prefetch_sleeper(call, unique_rows[number + AHEAD])
        wake(call, block, unique_rows[number])
