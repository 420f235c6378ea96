"""The loop that brings all rows up to date: they take their pending steps."""

from .block import START, STOP
from .catch_up_row import catch_up_row
from .memory import int64s


def flush(block: int) -> None:
    """The rows of the part catch up in the order of memory."""
    call = int64s(block)
    for row in range(call[START], call[STOP]):
        catch_up_row(call, block, row)
