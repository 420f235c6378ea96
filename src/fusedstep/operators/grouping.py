"""Which rows some indices name, and the sums of the gradients that share a row."""

from functools import partial
from typing import NamedTuple

import numpy as np

from ..codegen.kernels import duplicates_for, grouping
from .threads import run


class Groups(NamedTuple):
    """Which rows some indices name.

    Attributes:
        numbers: each gradient's row's number.
        named: each row by its number.
        firsts: the position of each row's first gradient.
        counts: how many gradients each row has.
    """

    numbers: np.ndarray
    named: np.ndarray
    firsts: np.ndarray
    counts: np.ndarray


def group(indices: np.ndarray, rows: int) -> Groups | int:
    """Groups indices by row; or the position of the first that is no row."""
    count = indices.size
    bits = max(4, (2 * count - 1).bit_length())
    table, named = np.empty(1 << bits, np.int32), np.empty(count, np.int64)
    numbers, firsts, counts = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int32)
    distinct = grouping().group(indices, rows, table, 64 - bits, numbers, named, firsts, counts)
    if distinct < 0:
        return -1 - distinct
    return Groups(numbers, named[:distinct], firsts[:distinct], counts[:distinct])


class Totals(NamedTuple):
    """The sums of the gradients that share a row.

    Attributes:
        slots: the place of each row's sum, by the row's number; -1 for a row with one gradient.
        sums: the sums, in the compute type, and behind them room for one more row a thread.
        spare: the place of that room.
    """

    slots: np.ndarray
    sums: np.ndarray
    spare: int


def sum_duplicates(
    gradient: np.ndarray, storage: str, groups: Groups, width: int, threads: int, compute: str
) -> Totals:
    """Sums the gradients of every row that has several, in the order of the indices."""
    slots, owners = np.empty(groups.named.size, np.int32), np.empty(groups.named.size, np.int32)
    summed = grouping().share_out(groups.counts, slots, owners, np.empty(threads, np.int32))
    sums = np.empty((summed + threads) * width, compute)
    if summed:
        add_up = duplicates_for(storage, compute)
        run(
            [
                partial(add_up, gradient, width, groups.numbers, groups.firsts, slots, owners, thread, sums)
                for thread in range(threads)
            ]
        )
    return Totals(slots, sums, summed)


def in_row_order(groups: Groups, rows: int) -> np.ndarray:
    """The numbers of the named rows, in ascending order of the rows."""
    order, spare = np.empty(groups.named.size, np.int64), np.empty(groups.named.size, np.int64)
    grouping().ascending(groups.named, rows, order, spare)
    return order
