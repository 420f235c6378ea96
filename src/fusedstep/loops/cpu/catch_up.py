"""The loops in which the rows that a lookup names take their pending steps: they are listed, and catch up."""

from .block import COUNT, START, STOP, UNIQUE_ROWS
from .catch_up_row import catch_up_row, prefetch_pending
from .grouping import SPREAD
from .memory import int16s, int64s
from .row_prefetch import AHEAD

# Rows are distributed over parts by so many bits of a hash: a list may name one more than once.
BUCKET_BITS = 16
BUCKETS = 1 << BUCKET_BITS


def pending_rows(indices_at: int, count: int, rows: int, last_steps_at: int, now: int, pending_at: int) -> int:
    """List the rows that have pending steps, as often as indices name them, and return how many are listed.

    For the first index out of range return -1 minus its position.

    Args:
        indices_at, count: the indices. Each is read once: another thread may change them.
        rows: the number of rows of the table.
        last_steps_at, now: the last step of each row, and the count of steps.
        pending_at: receives the list; room for as many rows as there are indices.
    """
    indices, last_steps, pending = int64s(indices_at), int16s(last_steps_at), int64s(pending_at)
    listed = 0
    for position in range(count):
        row = indices[position]
        if row < 0 or row >= rows:
            return -1 - position
        # Without a branch, since the rows cannot be predicted.
        pending[listed] = row
        listed += last_steps[row] < now
    return listed


def catch_up(block: int) -> None:
    """Catch up the listed rows whose bucket lies in the part."""
    call = int64s(block)
    listed, count, start, stop = int64s(call[UNIQUE_ROWS]), call[COUNT], call[START], call[STOP]
    for place in range(count):
        if place + AHEAD < count and start <= bucket_of(listed[place + AHEAD]) < stop:
            prefetch_pending(call, listed[place + AHEAD])
        if start <= bucket_of(listed[place]) < stop:
            catch_up_row(call, block, listed[place])


def bucket_of(row: int) -> int:
    """The bucket of a row."""
    return row * SPREAD >> 64 - BUCKET_BITS & BUCKETS - 1
