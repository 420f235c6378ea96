"""Which rows some indices name, and the sums of the gradients that share a row."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from ..arrays.address import address_of
from ..codegen.storage import ITEM_BYTES
from ..loops.cpu.grouping import DIGITS, FIRST, INVERSE, ITEM, SLOTS
from .threads import run

# With no more rows than so many times the indices, counting is faster than hashing.
CROWDED = 2


class Groups(NamedTuple):
    """Which rows some indices name.

    Attributes:
        found: the arrays that ``loops/cpu/grouping.py`` describes, one a row.
        named: the unique rows by number; room for as many as there are indices.
        distinct: how many they are.
        summed: how many of them have several gradients.
        ascending: whether they are numbered in the order of the rows.
    """

    found: np.ndarray
    named: np.ndarray
    distinct: int
    summed: int
    ascending: bool

    def address(self, which: int) -> int:
        """Where one of the arrays begins."""
        count: int = self.found.shape[1]
        return address_of(self.found) + which * ITEM * count


class Share(NamedTuple):
    """A part of the rows that take the step.

    Attributes:
        first, last: the slots of their sums.
        start, stop: their places in the order of the steps.
    """

    first: int
    last: int
    start: int
    stop: int


@cache
def grouping_loop(name: str) -> Callable[..., int]:
    """A function of ``loops/cpu/grouping.py``, compiled."""
    from ..codegen.cpu import functions

    return functions.loop(name, "grouping")


def prepare_grouping(gradient: str, compute: str) -> None:
    """Makes ready all that groups indices and sums gradients of a storage type in a compute type."""
    from ..codegen.cpu import functions

    for name in ("is_sorted", "group_sorted", "group_crowded", "group_unsorted", "share_out", "ascending"):
        grouping_loop(name)
    functions.loop("segment_sum")
    functions.sums(gradient, compute)


def group(indices: np.ndarray, rows: int) -> Groups:
    """Groups indices by row; for the first that is no row, ``distinct`` is -1 less its position."""
    count = indices.size
    found, unique_rows, sums_due = np.empty((5, count), np.int32), np.empty(count, np.int64), np.zeros(1, np.int64)
    given, results = (address_of(indices), count), (address_of(found), address_of(unique_rows), address_of(sums_due))
    ascending = True
    if grouping_loop("is_sorted")(*given):
        distinct = grouping_loop("group_sorted")(*given, rows, *results)
    elif rows <= CROWDED * count:
        table = np.empty(rows, np.int32)
        distinct = grouping_loop("group_crowded")(*given, rows, address_of(table), *results)
    else:
        ascending = False
        bits = max(4, (2 * count - 1).bit_length())
        table = np.empty(1 << bits, np.int32)
        distinct = grouping_loop("group_unsorted")(*given, rows, address_of(table), bits, *results)
    return Groups(found, unique_rows, distinct, int(sums_due[0]), ascending)


def shares(groups: Groups, parts: int, cost: int) -> list[Share]:
    """Cuts the unique rows into parts of equal work, where a step costs as much as adding so many gradients."""
    if parts == 1:
        return [Share(0, groups.summed, 0, groups.distinct)]
    cuts, count = np.empty((parts + 1, 2), np.int32), groups.found.shape[1]
    grouping_loop("share_out")(groups.address(0), count, groups.distinct, cost, parts, address_of(cuts))
    places, slots = cuts.T.tolist()
    return [Share(slots[part], slots[part + 1], places[part], places[part + 1]) for part in range(parts)]


def room_for_sums(storage: str, groups: Groups, width: int, spare: int) -> np.ndarray:
    """Room for the sums of every row that has several gradients, in the compute type, and for ``spare`` rows more."""
    return np.empty((groups.summed + spare) * width, np.float64 if storage == "float64" else np.float32)


def sum_duplicates(
    gradient: np.ndarray, storage: str, groups: Groups, width: int, sums: np.ndarray, threads: int
) -> None:
    """Sums the gradients of every row that has several, in the order of the indices."""
    if groups.summed:
        adding = sums_of(gradient, storage, groups, width, sums, shares(groups, threads, cost=0))
        run([add_up for add_up in adding if add_up], threads)


def sums_of(
    gradient: np.ndarray, storage: str, groups: Groups, width: int, sums: np.ndarray, parts: list[Share]
) -> list[Callable[[], None] | None]:
    """For each part what makes its sums, with the scratch that it needs; None for a part that needs none."""
    if not groups.summed:
        return [None] * len(parts)
    from ..codegen.cpu import functions

    segment_sum, load_and_add = functions.loop("segment_sum"), functions.sums(storage, sums.dtype.name)
    count = groups.found.shape[1]
    positions = np.empty((len(parts), count), np.int32)
    memory = address_of(gradient), width * ITEM_BYTES[storage], width, count
    found = groups.address(INVERSE), groups.address(FIRST), groups.address(SLOTS)

    def add_up(part: Share, place: int, arrays: Any) -> None:
        """``arrays`` are kept until all is added up."""
        scratch = address_of(positions) + place * ITEM * count
        own = part.first, part.last, scratch, address_of(sums), width * sums.itemsize
        segment_sum(*load_and_add, *memory, *found, *own)

    return [
        partial(add_up, part, place, (gradient, groups, positions, sums)) if part.first < part.last else None
        for place, part in enumerate(parts)
    ]


def in_row_order(groups: Groups, rows: int) -> np.ndarray:
    """The numbers of the unique rows, in ascending order of the rows."""
    if groups.ascending:
        return np.arange(groups.distinct)
    order, spare = np.empty(groups.distinct, np.int64), np.empty(groups.distinct, np.int64)
    ends = np.empty(DIGITS + 1, np.int64)
    grouping_loop("ascending")(
        address_of(groups.named), groups.distinct, rows, address_of(order), address_of(spare), address_of(ends)
    )
    return order
