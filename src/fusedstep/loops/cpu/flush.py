"""The loop in which all rows take their pending steps."""

from .block import START, STOP
from .catch_up_row import catch_up_row
from .memory import int64s


def flush(block: int) -> None:
    """Catch up the rows of the part, in the order of memory."""
    call = int64s(block)
    for row in range(call[START], call[STOP]):
        catch_up_row(call, block, row)
