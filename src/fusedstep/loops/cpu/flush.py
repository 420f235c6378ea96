"""The loop that wakes all rows: they take the steps that they have slept through."""

from .block import START, STOP
from .catch_up_row import wake
from .memory import int64s


def flush(block: int) -> None:
    """The rows of the part wake in the order of memory."""
    call = int64s(block)
    for row in range(call[START], call[STOP]):
        wake(call, block, row)
