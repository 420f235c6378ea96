"""A sparse step on one thread in two functions: on tiny arrays, each thing that is done in Python costs as much as the
step itself."""

from .block import (
    ASCENDING,
    COUNT,
    FIRST,
    FIRST_SLOT,
    FIRST_UNIQUE,
    INDICES,
    INVERSE,
    LAST_SLOT,
    LAST_UNIQUE,
    ORDER,
    POSITIONS,
    ROWS,
    SLOTS,
    START,
    STEP_ZERO,
    STOP,
    SUMS,
    UNIQUE_ROWS,
    WORKSPACE,
)
from .every_row import every_row
from .grouping import ARRAYS, CROWDED, ITEM, UNSORTED, group_crowded, group_sorted, group_unsorted
from .grouping import FIRST as FIRSTS
from .grouping import INVERSE as INVERSES
from .grouping import ORDER as ORDERS
from .grouping import SLOTS as SLOTS_OF_SUMS
from .memory import int64s
from .segment_sum import segment_sum
from .touched_rows import touched_rows

INDEX = 8
# The least places of a hash table, as bits.
LEAST_BITS = 4


def workspace_bytes(count: int, rows: int, row_bytes: int, every: bool) -> int:
    """How much memory a step takes: for the indices, unique rows and their order, for what grouping finds, for its
    table, and for sums."""
    table = max(count, rows if every or rows <= CROWDED * count else 4 * count, 1 << LEAST_BITS)
    return INDEX * (3 * count + 2) + ITEM * (ARRAYS * count + table) + row_bytes * (count // 2)


def group_at_once(block: int) -> int:
    """Copies the indices, groups them, and says in the block where what is found lies; returns the number of unique
    rows, or for the first index that is no row -1 less its position."""
    call = int64s(block)
    count, rows, indices_at, every = call[COUNT], call[ROWS], call[WORKSPACE], call[STEP_ZERO] != 0
    unique_rows_at = indices_at + INDEX * count
    ascending_at = unique_rows_at + INDEX * count
    sums_due_at = ascending_at + INDEX * count
    groups = sums_due_at + INDEX
    table_at = groups + ITEM * ARRAYS * count
    given, indices, ascending = int64s(call[INDICES]), int64s(indices_at), int64s(ascending_at)
    for position in range(count):
        indices[position] = given[position]
    places = 0
    distinct = group_sorted(indices_at, count, rows, groups, unique_rows_at, sums_due_at)
    if distinct == UNSORTED and (every or rows <= CROWDED * count):
        places = rows
        distinct = group_crowded(indices_at, count, rows, table_at, groups, unique_rows_at, sums_due_at)
    elif distinct == UNSORTED:
        bits = LEAST_BITS
        while 1 << bits < 2 * count:
            bits += 1
        places = 1 << bits
        distinct = group_unsorted(indices_at, count, rows, table_at, bits, groups, unique_rows_at, sums_due_at)
    if every:
        # Counting leaves the rows in the order of memory.
        for number in range(distinct):
            ascending[number] = number
    array = ITEM * count
    call[INVERSE], call[FIRST] = groups + INVERSES * array, groups + FIRSTS * array
    call[SLOTS], call[ORDER] = groups + SLOTS_OF_SUMS * array, groups + ORDERS * array
    call[UNIQUE_ROWS], call[ASCENDING] = unique_rows_at, ascending_at
    # The table has done its work, and is larger.
    call[POSITIONS] = table_at
    call[SUMS] = (table_at + ITEM * max(places, count) + INDEX - 1) // INDEX * INDEX
    call[FIRST_SLOT], call[LAST_SLOT] = 0, int64s(sums_due_at)[0]
    call[START], call[STOP] = 0, rows if every else distinct
    call[FIRST_UNIQUE], call[LAST_UNIQUE] = 0, distinct
    return distinct


def step_at_once(block: int) -> None:
    """The sums of the rows that have several gradients, then the step of the unique rows, or of every row."""
    call = int64s(block)
    if call[LAST_SLOT]:
        segment_sum(block)
    if call[STEP_ZERO]:
        every_row(block)
    else:
        touched_rows(block)
