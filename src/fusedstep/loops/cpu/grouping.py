"""Grouping: which rows are named, and which gradients belong to each. Needs no rule."""

from typing import Any

import numpy as np

# 2**64 divided by the square of the golden ratio: its multiples spread evenly, those of regular indices too.
SPREAD = 0x61C8864680B583EB


def group(indices: Any, rows: int, table: Any, shift: int, numbers: Any, named: Any, firsts: Any, counts: Any) -> int:
    """Numbers the rows in the order in which ``indices`` name them.

    Args:
        indices: the rows that gradients belong to.
        rows: how many rows there are.
        table: scratch: 2**k places, at least twice as many as the indices.
        shift: 64 - k.
        numbers: receives each gradient's row's number.
        named: receives each row by its number.
        firsts: receives the position of each row's first gradient.
        counts: receives how many gradients each row has.

    Returns:
        How many rows are named; or, for the first index that is no row, -1 less its position.
    """
    table[:] = -1
    mask = table.size - 1
    distinct = 0
    for position in range(indices.size):
        row = indices[position]
        if row < 0 or row >= rows:
            return -1 - position
        probe = np.int64((np.uint64(row) * np.uint64(SPREAD)) >> np.uint64(shift))
        number = table[probe]
        while number >= 0 and named[number] != row:
            probe = (probe + 1) & mask
            number = table[probe]
        if number < 0:
            number = distinct
            table[probe] = number
            named[number], firsts[number], counts[number] = row, position, 0
            distinct += 1
        counts[number] += 1
        numbers[position] = number
    return distinct


def share_out(counts: Any, slots: Any, owners: Any, loads: Any) -> int:
    """Gives every row that has several gradients a place for their sum, and to the thread with the least to add.

    Args:
        counts: how many gradients each row has.
        slots: receives the place of each row's sum; -1 for a row with one gradient.
        owners: receives the thread that adds up each row; -1 for a row with one gradient.
        loads: scratch, one a thread.

    Returns:
        How many sums there are.
    """
    loads[:] = 0
    summed = 0
    for number in range(counts.size):
        slots[number] = owners[number] = -1
        if counts[number] > 1:
            owner = 0
            for thread in range(1, loads.size):
                if loads[thread] < loads[owner]:
                    owner = thread
            loads[owner] += counts[number]
            slots[number], owners[number] = summed, owner
            summed += 1
    return summed


def ascending(named: Any, rows: int, order: Any, spare_order: Any) -> None:
    """Sorts rows: ``order`` receives their numbers, in ascending order of the rows.

    A radix sort by eleven bits; ``spare_order`` is scratch of the size of ``order``.
    """
    passes = 0
    while (rows - 1) >> (11 * passes) > 0:
        passes += 1
    # An even number of exchanges leaves the result where it is wanted.
    source, target = (order, spare_order) if passes % 2 == 0 else (spare_order, order)
    for number in range(named.size):
        source[number] = number
    for shift in range(0, 11 * passes, 11):
        ends = np.zeros(2049, np.int64)
        for number in named:
            ends[(number >> shift & 2047) + 1] += 1
        for digit in range(2048):
            ends[digit + 1] += ends[digit]
        for number in source:
            digit = named[number] >> shift & 2047
            target[ends[digit]] = number
            ends[digit] += 1
        source, target = target, source
