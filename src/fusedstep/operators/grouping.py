"""Which rows some indices name, and the sums of the gradients that share a row."""

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
        threads: among how many threads the sums are shared out.
        ascending: whether they are numbered in the order of the rows.
    """

    found: np.ndarray
    named: np.ndarray
    distinct: int
    summed: int
    threads: int
    ascending: bool


def group(indices: np.ndarray, rows: int, threads: int) -> Groups:
    """Groups indices by row; for the first that is no row, ``distinct`` is -1 less its position."""
    count = indices.size
    loads, ascending = np.empty(threads, np.int32), rows <= CROWDED * count
    found, named = np.empty((5, count), np.int32), np.empty(count, np.int64)
    if ascending:
        distinct, summed = grouping().group_in_row_order(indices, rows, np.empty(rows, np.int32), found, named, loads)
    else:
        bits = max(4, (2 * count - 1).bit_length())
        table = np.empty(1 << bits, np.int32)
        distinct, summed = grouping().group(indices, rows, table, 64 - bits, found, named, loads)
    return Groups(found, named, distinct, summed, threads, ascending)


def sum_duplicates(gradient: np.ndarray, storage: str, groups: Groups, width: int, spare: int) -> np.ndarray:
    """Sums the gradients of every row that has several, in the order of the indices.

    Returns:
        The sums, in the compute type, and behind them room for ``spare`` more rows.
    """
    sums = np.empty((groups.summed + spare) * width, np.float64 if storage == "float64" else np.float32)
    if groups.summed:
        add_up = duplicates_for(storage, sums.dtype.name)
        run(
            [partial(add_up, gradient, width, groups.found, thread, sums) for thread in range(groups.threads)],
            groups.threads,
        )
    return sums


def in_row_order(groups: Groups, rows: int) -> np.ndarray:
    """The numbers of the named rows, in ascending order of the rows."""
    if groups.ascending:
        return np.arange(groups.distinct)
    order, spare = np.empty(groups.distinct, np.int64), np.empty(groups.distinct, np.int64)
    grouping().ascending(groups.named, rows, order, spare)
    return order
