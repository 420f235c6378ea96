"""The whole step of a table by the gradients of its lookups, on one thread: group the indices, then step the rows."""

from .block import (
    COUNT,
    COUNTS_AT,
    ENDS_AT,
    GROUP_ROWS,
    ITEM,
    LOOKUPS,
    LOOKUPS_AT,
    POSITIONS,
    SOURCES_AT,
    STEP_ROWS,
    STOP,
    SUMS,
    TABLE_ROWS,
    UNIQUE_ROWS,
)
from .grouping import ARRAYS, COUNTS, INT32_BYTES, INVERSE, hash_bits
from .lookups import locate, snapshot
from .memory import add_atomically, int32s, int64s, take_groups, take_loop
from .row_prefetch import CACHE_LINE

# What is returned for a table whose lookups are invalid.
REFUSED = -1


def table_steps(blocks_at: int, results_at: int, tables: int, next_at: int, scratch: int) -> None:
    """Take the steps of tables that no other thread takes, one after another.

    Args:
        blocks_at: the address of the addresses of the tables' blocks.
        results_at: receives the number of unique rows of each table, or ``REFUSED``.
        tables: the number of tables.
        next_at: the address of the number of the next table, which all threads advance.
        scratch: the address of as much scratch as the largest table needs, which no other thread uses.
    """
    blocks, results = int64s(blocks_at), int64s(results_at)
    number = add_atomically(next_at, 1)
    while number < tables:
        results[number] = table_step(blocks[number], scratch)
        number = add_atomically(next_at, 1)


def scratch_bytes(count: int, row_bytes: int) -> int:
    """The size of the scratch for ``count`` indices and a sum of ``row_bytes``."""
    # Snapshot, sources, unique rows and two results; arrays of ``grouping``, positions and ends; the hash table.
    wide, narrow = 3 * count + 2, (ARRAYS + 2) * count
    return ITEM * wide + INT32_BYTES * (narrow + (1 << hash_bits(count))) + CACHE_LINE + row_bytes


def table_step(block: int, scratch: int) -> int:
    """Step the rows of a table.

    Returns:
        The number of unique rows; ``REFUSED`` if an index names no row, or bags do not follow one another. Then nothing
        is changed.
    """
    call = int64s(block)
    count = call[COUNT]
    indices_at = scratch
    sources_at = indices_at + ITEM * count
    unique_rows_at = sources_at + ITEM * count
    sums_due_at = unique_rows_at + ITEM * count
    groups_at = sums_due_at + 2 * ITEM
    positions_at = groups_at + ARRAYS * INT32_BYTES * count
    ends_at = positions_at + INT32_BYTES * count
    table_at = ends_at + INT32_BYTES * count
    sum_at = table_at + (INT32_BYTES << hash_bits(count))
    snapshot(call[LOOKUPS_AT], call[LOOKUPS], indices_at)
    if call[SOURCES_AT]:
        call[SOURCES_AT] = sources_at
        if not locate(call[LOOKUPS_AT], call[LOOKUPS], sources_at):
            return REFUSED
    rows = call[TABLE_ROWS]
    distinct = take_groups(call[GROUP_ROWS], indices_at, count, rows, table_at, groups_at, unique_rows_at, sums_due_at)
    if distinct < 0:
        return REFUSED
    counts_at = groups_at + COUNTS * INT32_BYTES * count
    sort_positions(groups_at + INVERSE * INT32_BYTES * count, count, counts_at, distinct, ends_at, positions_at)
    call[UNIQUE_ROWS], call[COUNTS_AT], call[ENDS_AT], call[POSITIONS] = (
        unique_rows_at,
        counts_at,
        ends_at,
        positions_at,
    )
    # A vector that crosses the end of a cache line takes two of them.
    call[SUMS], call[STOP] = sum_at + (-sum_at & CACHE_LINE - 1), distinct
    take_loop(call[STEP_ROWS], block)
    return int(distinct)


def sort_positions(inverse_at: int, count: int, counts_at: int, distinct: int, ends_at: int, positions_at: int) -> None:
    """Sort the positions of the indices by the number of their row; ``ends_at`` receives where those of each end."""
    inverse, counts, ends, positions = int32s(inverse_at), int32s(counts_at), int32s(ends_at), int32s(positions_at)
    done = 0
    for number in range(distinct):
        # Where the next position of the row goes, until all have come.
        ends[number] = done
        done += counts[number]
    for position in range(count):
        number = inverse[position]
        positions[ends[number]] = position
        ends[number] += 1
