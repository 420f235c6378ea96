"""Grouping: which rows are named, which gradients belong to each, and their sums in the order of the indices."""

from typing import Any

import numpy as np

from .span_words import add, copy

# 2**64 divided by the square of the golden ratio: its multiples spread evenly, those of regular indices too.
SPREAD = 0x61C8864680B583EB


def place_of(row: Any, multiplier: int, shift: int) -> Any:
    """Where a row stands in the order by which threads share rows out."""
    return np.int64((np.uint64(row) * np.uint64(multiplier)) >> np.uint64(shift))


def group(indices: Any, multiplier: int, shift: int, low: int, high: int) -> Any:
    """Numbers the rows placed from ``low`` to ``high`` in the order in which they appear.

    Returns:
        For each row by its number: the row, the position of its first gradient, and where its sum is kept (-1 if it
        has one gradient only); for each gradient of these rows: its position and its row's number; and how many sums
        there are.
    """
    count = indices.size
    bits = 4
    while count * 2 > 1 << bits:
        bits += 1
    table = np.full(1 << bits, -1, np.int32)
    rows, firsts, slots = np.empty(count, np.int64), np.empty(count, np.int32), np.empty(count, np.int32)
    positions, numbers = np.empty(count, np.int32), np.empty(count, np.int32)
    distinct = entries = summed = 0
    for position in range(count):
        row = indices[position]
        place = place_of(row, multiplier, shift)
        if place < low or place >= high:
            continue
        probe = place_of(row, SPREAD, 64 - bits)
        number = table[probe]
        while number >= 0 and rows[number] != row:
            probe = (probe + 1) & ((1 << bits) - 1)
            number = table[probe]
        if number < 0:
            number = distinct
            table[probe] = number
            rows[number], firsts[number], slots[number] = row, position, -1
            distinct += 1
        elif slots[number] < 0:
            slots[number] = summed
            summed += 1
        positions[entries], numbers[entries] = position, number
        entries += 1
    return rows[:distinct], firsts, slots, positions[:entries], numbers, summed


def sum_groups(gradient: Any, width: int, firsts: Any, slots: Any, positions: Any, numbers: Any, sums: Any) -> None:
    """Sums the gradients of every row that has several, in the order of the indices, from the row's first on."""
    for entry in range(positions.size):
        slot, position = slots[numbers[entry]], positions[entry]
        if slot >= 0:
            total = sums[slot * width : (slot + 1) * width]
            row = gradient[position * width : (position + 1) * width]
            if firsts[numbers[entry]] == position:
                copy(total, row)
            else:
                add(total, row)


def gradient_of(number: int, gradient: Any, width: int, firsts: Any, slots: Any, sums: Any) -> Any:
    """The summed gradient of a row; that of a row with one gradient only is loaded behind the sums."""
    slot = slots[number]
    if slot >= 0:
        return sums[slot * width : (slot + 1) * width]
    alone = sums[sums.size - width :]
    copy(alone, gradient[firsts[number] * width : (firsts[number] + 1) * width])
    return alone


def in_row_order(rows: Any, low: int, high: int) -> Any:
    """The numbers of rows from ``low`` to ``high`` in ascending order of the rows: a radix sort by eleven bits."""
    order, spare = np.arange(rows.size), np.empty(rows.size, np.int64)
    shift = 0
    while (high - low) >> shift > 0:
        ends = np.zeros(2049, np.int64)
        for number in order:
            ends[((rows[number] - low) >> shift & 2047) + 1] += 1
        for digit in range(2048):
            ends[digit + 1] += ends[digit]
        for number in order:
            digit = (rows[number] - low) >> shift & 2047
            spare[ends[digit]] = number
            ends[digit] += 1
        order, spare = spare, order
        shift += 11
    return order
