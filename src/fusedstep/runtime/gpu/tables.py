"""Steps of many tables by sparse gradients: one sort, one search for segments and one update for all of them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...arrays.devices import library_of, on_device
from ...codegen.gpu.build import table_keys
from ...storage import STORAGES, compute_type
from .device_words import DeviceWords
from .grouping import LONG, Groups, sum_long_segments
from .kernel_call import BYTES, TileShape, tiles_for
from .kernels import kernel_of
from .launch_kernel import launch_kernel
from .numbers import host_numbers, rows_of_numbers

# Indices that a program takes.
BLOCK = 1024
# More than any key; see ``loops/gpu/table_keys.py``.
NO_KEY = 1 << 62
# The most tables whose numbers keys hold, and the most indices, whose places have 32 bits.
MOST_TABLES, MOST_INDICES = 1 << 22, 1 << 31
# Rows of gradients begin at multiples of so many bytes, if their length allows it.
ALIGNMENT = 16


class TableLookup(NamedTuple):
    """The memory of the gradient of one lookup.

    Attributes:
        index_count: the number of indices; there is at least one.
        indices, gradient: their addresses.
        offsets, bags: the address of where bags begin, and their number; or 0, if each index is a bag of its own.
        weights: the address of the factors, in the compute type; or 0.
        narrow: whether the integers have 32 bits, not 64.
        owners: what keeps the memory.
    """

    index_count: int
    indices: int
    gradient: int
    offsets: int
    bags: int
    weights: int
    narrow: bool
    owners: Any


class Table(NamedTuple):
    """The memory of a table, and its gradient.

    Attributes:
        states: the addresses of the states, whose rows lie one after another.
        rows: the number of rows.
        lookups: the gradients of its lookups, in the order in which they are summed.
    """

    states: Sequence[int]
    rows: int
    lookups: Sequence[TableLookup]

    @property
    def index_count(self) -> int:
        """The number of indices."""
        return sum(each.index_count for each in self.lookups)


class TableKind(NamedTuple):
    """What tables that are stepped together have in common.

    Attributes:
        operator: the operator.
        storages, gradient: the storage types of the states, and of the gradient.
        width: the elements of a row.
        device: where they lie.
    """

    operator: Any
    storages: tuple[str, ...]
    gradient: str
    width: int
    device: Any


def launch_tables(
    kind: TableKind,
    tables: Sequence[Table],
    scalars: Sequence[Any],
    words: DeviceWords,
    like: Any,
    bump_versions: Callable[[], None],
) -> None:
    """Step the touched rows of tables, none of which shares memory with another one's.

    Args:
        kind: what they have in common.
        tables: the tables. Together they have at least one index.
        scalars: the rule's: numbers, and arrays on the device of one element, or of one for each table.
        words: what is kept on the device of the addresses.
        like: a state of one of them.
        bump_versions: called right before the states are changed.
    """
    library = library_of(like)
    with library.stream(like):
        records, states = words_of(tables, kind)
        there = words.on_device(np.array(records + states, np.int64), like)
        groups = group_tables(kind, tables, there, like)
        long_sums = sum_long_segments(None, kind.gradient, groups, NO_KEY, kind.width)
        loop, numbers = numbers_for_tables(kind, scalars, len(tables), like)
        tiles = tiles_of_tables(kind.width, kind.storages)
        bump_versions()
        launch_kernel(
            library,
            kernel_of(kind.operator, kind.storages, kind.gradient, False, loop),
            tiles.programs(groups.size),
            [there[len(records) :], None, *groups, long_sums, groups.size, *numbers],
            width=kind.width,
            LONG=LONG,
            RECORD=len(kind.storages),
            ALIGNED=all(each % ALIGNMENT == 0 for each in states),
            ROWS=tiles.rows,
            COLUMNS=tiles.columns,
        )


def tiles_of_tables(width: int, storages: Sequence[str]) -> TileShape:
    """The tiles for rows of tables of a width."""
    narrowest = min(STORAGES[each].item_bytes for each in storages)
    # Each row has pointers of its own, beside which the largest rules need more registers than there are in float64, or
    # where as many bytes are twice as many numbers.
    return tiles_for(width, narrowest, {2: BYTES // 4, 4: BYTES, 8: BYTES // 2}[narrowest])


def numbers_for_tables(kind: TableKind, scalars: Sequence[Any], tables: int, like: Any) -> tuple[str, Sequence[Any]]:
    """The loop, and the arguments of its kernel for the numbers of the step."""
    compute = compute_type(kind.storages[0])
    if any(on_device(each) for each in scalars):
        return "touched_tables_by_numbers", [rows_of_numbers(kind.operator, compute, scalars, tables, like)]
    return "touched_tables", host_numbers(kind.operator, compute, scalars)


def words_of(tables: Sequence[Table], kind: TableKind) -> tuple[list[int], list[int]]:
    """The records of the lookups, see ``loops/gpu/table_keys.py``, and the addresses of the states."""
    records: list[int] = []
    states: list[int] = []
    block = begin = 0
    for number, table in enumerate(tables):
        states += table.states
        for each in table.lookups:
            records += (block, begin, each.index_count, number, table.rows, each.indices, each.gradient, each.offsets)
            records += (each.bags, each.weights, each.narrow)
            block += -(-each.index_count // BLOCK)
            begin += each.index_count
    if len(records) * 8 % ALIGNMENT:
        records.append(0)
    return records, states


def group_tables(kind: TableKind, tables: Sequence[Table], words: Any, like: Any) -> Groups:
    """Group the indices of all tables by table and row; equal ones keep their order."""
    library, lookups = library_of(like), [each for table in tables for each in table.lookups]
    count = sum(each.index_count for each in lookups)
    keys, addresses = library.empty((count,), "int64", like), library.empty((count,), "int64", like)
    weighted = any(each.weights for each in lookups)
    weights = library.empty((count,), compute_type(kind.gradient), like) if weighted else None
    row_bytes = kind.width * STORAGES[kind.gradient].item_bytes
    programs = sum(-(-each.index_count // BLOCK) for each in lookups)
    arguments = [words, len(lookups), keys, addresses, weights, row_bytes]
    launch_kernel(library, table_keys(), programs, arguments, BLOCK=BLOCK)
    sorted_keys, positions = library.sort(keys)
    weights = None if weights is None else weights[positions]
    return Groups(sorted_keys, addresses[positions], weights, library.searchsorted(sorted_keys, sorted_keys))
