"""Grouping of indices by row, and segment sums."""

from array import array
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...arrays.address import address_of
from ...loops.cpu import block as layout
from ...loops.cpu.grouping import ARRAYS, DIGITS, FIRST, INT32_BYTES, INVERSE, ORDER, SLOTS, hash_bits
from ...storage import compute_type
from . import loops, workspace
from .bag_rows import BagRows
from .threads import run


class Groups(NamedTuple):
    """The unique rows of some indices, and the gradients of each.

    Attributes:
        memory: the unique rows by number, how many have several gradients, whether they are in ascending order, and the
            arrays that ``loops/cpu/grouping.py`` describes, one behind the other.
        indices: the number of indices.
        unique_rows_at: the address of the unique rows.
        groups_at: the address of the arrays.
        distinct: the number of unique rows.
        summed: how many of them have several gradients.
        ascending: whether they are numbered in the order of the rows.
    """

    memory: np.ndarray
    indices: int
    unique_rows_at: int
    groups_at: int
    distinct: int
    summed: int
    ascending: bool

    @property
    def unique_rows(self) -> np.ndarray:
        """The unique rows by number; room for as many as there are indices."""
        return self.memory[: self.indices]

    @property
    def arrays(self) -> np.ndarray:
        """The arrays of ``loops/cpu/grouping.py``, one per row."""
        memory = self.memory[self.indices + 2 :].view(np.int32)
        return memory[: ARRAYS * self.indices].reshape(ARRAYS, self.indices)

    def at(self, which: int) -> int:
        """The address of one of the arrays."""
        return self.groups_at + which * INT32_BYTES * self.indices


class Cut(NamedTuple):
    """A part of the rows that take the step.

    Attributes:
        first, last: the slots of their sums.
        start, stop: their places in the order of the steps.
    """

    first: int
    last: int
    start: int
    stop: int


def group(indices: np.ndarray, rows: int) -> Groups:
    """Group indices by row; if one is out of range, ``distinct`` is -1 minus the position of the first."""
    count = indices.size
    memory = workspace.empty(count + 2 + (ARRAYS * count + 1) // 2, np.int64)
    table = workspace.empty(1 << hash_bits(count), np.int32)
    unique_rows_at = address_of(memory)
    sums_due_at = unique_rows_at + memory.itemsize * count
    groups_at = sums_due_at + 2 * memory.itemsize
    distinct = loops.loop("group_rows")(
        address_of(indices), count, rows, address_of(table), groups_at, unique_rows_at, sums_due_at
    )
    summed, ascending = memory[count : count + 2].tolist()
    return Groups(memory, count, unique_rows_at, groups_at, distinct, summed, bool(ascending))


def with_every_row_summed(groups: Groups) -> Groups:
    """The same groups with a sum for rows of one gradient, too: a gradient that has a factor is not stored as such."""
    for which in (SLOTS, ORDER):
        groups.arrays[which, : groups.distinct] = np.arange(groups.distinct)
    return groups._replace(summed=groups.distinct)


def cut_into_parts(groups: Groups, parts: int, cost: int) -> list[Cut]:
    """Cut the unique rows into parts of equal work; ``cost`` is that of a step, in additions of a gradient."""
    if parts == 1:
        return [Cut(0, groups.summed, 0, groups.distinct)]
    cuts = np.empty((parts + 1, 2), np.int32)
    loops.loop("cut_into_parts")(groups.groups_at, groups.indices, groups.distinct, cost, parts, address_of(cuts))
    places, slots = cuts.T.tolist()
    return [Cut(slots[part], slots[part + 1], places[part], places[part + 1]) for part in range(parts)]


def alloc_sums(storage: str, groups: Groups, width: int) -> np.ndarray:
    """Allocate the segment sums of the rows with several gradients, in the compute type."""
    return np.empty(groups.summed * width, compute_type(storage))


def sum_segments(gradient: Any, storage: str, groups: Groups, width: int, sums: np.ndarray, threads: int) -> None:
    """Compute all segment sums, in the order of the indices."""
    if groups.summed:
        adding = sums_of(gradient, storage, groups, width, sums, cut_into_parts(groups, threads, cost=0))
        run([add_up for add_up in adding if add_up], threads)


def sums_of(
    gradient: Any, storage: str, groups: Groups, width: int, sums: np.ndarray, parts: list[Cut]
) -> list[Callable[[], None] | None]:
    """For each part, the function that computes its sums, or None if it has none. Allocates the scratch."""
    if not groups.summed:
        return [None] * len(parts)
    of_bags, count = isinstance(gradient, BagRows), groups.indices
    segment_sum, weights = loops.loop("bag_sum" if of_bags else "segment_sum"), gradient.weights if of_bags else None
    positions = workspace.empty(len(parts) * count, np.int32)
    memory = gradient, groups, positions, sums
    common = array("q", bytes(layout.ITEM * layout.STATES))
    load, add = loops.sum_functions(storage, compute_type(storage), weights is not None)
    common[layout.LOAD_SUM], common[layout.ADD_TO_SUM] = load, add
    if of_bags:
        common[layout.SOURCES_AT] = address_of(gradient.sources)
    if weights is not None:
        common[layout.WEIGHTS_AT] = address_of(weights)
    common[layout.GRADIENT], common[layout.GRADIENT_ROW] = address_of(gradient), width * gradient.itemsize
    common[layout.SUMS], common[layout.SUMS_ROW] = address_of(sums), width * sums.itemsize
    common[layout.WIDTH], common[layout.COUNT] = width, count
    common[layout.INVERSE_AT], common[layout.FIRST_AT] = groups.at(INVERSE), groups.at(FIRST)
    common[layout.SLOTS_AT], common[layout.POSITIONS] = groups.at(SLOTS), address_of(positions)
    adding: list[Callable[[], None] | None] = []
    for place, part in enumerate(parts):
        block = common[:]
        block[layout.POSITIONS] += place * INT32_BYTES * count
        block[layout.FIRST_SLOT], block[layout.LAST_SLOT] = part.first, part.last
        adding.append(partial(run_loop, segment_sum, block, memory) if part.first < part.last else None)
    return adding


def run_loop(function: Callable[[int], None], block: "array[int]", memory: Any) -> None:
    """Run a loop on a block; ``memory`` holds the objects to which the block refers."""
    function(block.buffer_info()[0])


def in_row_order(groups: Groups, rows: int) -> np.ndarray:
    """The numbers of the unique rows, in ascending order of the rows."""
    if groups.ascending:
        return np.arange(groups.distinct)
    order, spare = np.empty(groups.distinct, np.int64), np.empty(groups.distinct, np.int64)
    ends = np.empty(DIGITS + 1, np.int64)
    loops.loop("sort_rows")(
        groups.unique_rows_at, groups.distinct, rows, address_of(order), address_of(spare), address_of(ends)
    )
    return order
