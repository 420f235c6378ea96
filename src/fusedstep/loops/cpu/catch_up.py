"""The loop in which the unique rows take their pending steps."""

from .block import START, STOP, UNIQUE_ROWS
from .catch_up_row import catch_up_row, prefetch_pending
from .memory import int64s
from .row_prefetch import AHEAD


def catch_up(block: int) -> None:
    """Catch up the unique rows of the part, by number."""
    call = int64s(block)
    unique_rows, stop = int64s(call[UNIQUE_ROWS]), call[STOP]
    for number in range(call[START], stop):
        if number + AHEAD < stop:
            prefetch_pending(call, unique_rows[number + AHEAD])
        catch_up_row(call, block, unique_rows[number])
