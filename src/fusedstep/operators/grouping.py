"""Which rows some indices name, and the sums of the gradients that share a row."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ..codegen.kernels import duplicates_for, grouping
from .threads import run

# With no more rows than so many times the indices, counting is faster than hashing.
CROWDED = 2


class Groups(NamedTuple):
    """Which rows some indices name.

    Attributes:
        found: the array ``groups`` that ``loops/cpu/grouping.py`` describes.
        named: each row by its number; room for as many as there are indices.
        distinct: how many rows are named.
        summed: how many of them have several gradients.
        ascending: whether they are numbered in the order of the rows.
    """

    found: np.ndarray
    named: np.ndarray
    distinct: int
    summed: int
    ascending: bool


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


def group(indices: np.ndarray, rows: int) -> Groups:
    """Groups indices by row; for the first that is no row, ``distinct`` is -1 less its position."""
    count, functions = indices.size, grouping()
    found, named = np.empty((5, count), np.int32), np.empty(count, np.int64)
    ascending = True
    if functions.is_sorted(indices):
        distinct, summed = functions.group_sorted(indices, rows, found, named)
    elif rows <= CROWDED * count:
        distinct, summed = functions.group_in_row_order(indices, rows, np.empty(rows, np.int32), found, named)
    else:
        ascending = False
        bits = max(4, (2 * count - 1).bit_length())
        distinct, summed = functions.group(indices, rows, np.empty(1 << bits, np.int32), 64 - bits, found, named)
    return Groups(found, named, distinct, summed, ascending)


def shares(groups: Groups, parts: int, cost: int) -> list[Share]:
    """Cuts the named rows into parts of equal work, where a step costs as much as adding so many gradients."""
    if parts == 1:
        return [Share(0, groups.summed, 0, groups.distinct)]
    cuts = np.empty((parts + 1, 2), np.int32)
    grouping().share_out(groups.found, groups.distinct, cost, cuts)
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
    add_up = duplicates_for(storage, sums.dtype.name)
    mine = np.empty((len(parts), groups.found.shape[1]), np.int32)
    return [
        partial(add_up, gradient, width, groups.found, mine[number], part.first, part.last, sums)
        if part.first < part.last
        else None
        for number, part in enumerate(parts)
    ]


def in_row_order(groups: Groups, rows: int) -> np.ndarray:
    """The numbers of the named rows, in ascending order of the rows."""
    if groups.ascending:
        return np.arange(groups.distinct)
    order, spare = np.empty(groups.distinct, np.int64), np.empty(groups.distinct, np.int64)
    grouping().ascending(groups.named, rows, order, spare)
    return order
