"""Grouping: which rows are named, and which gradients belong to each. Needs no rule.

What is found is kept in the rows of one array of integers, ``groups``:

- ``NUMBERS``: for each gradient, the number of its row; rows are numbered as they are named, or as they lie.
- ``FIRSTS``: for each row by its number, the position of its first gradient.
- ``COUNTS``: how many gradients it has.
- ``SLOTS``: the place of their sum, or -1 if there is but one.
- ``ORDER``: the numbers in the order in which rows take the step.
"""

from typing import Any

import numpy as np

NUMBERS = 0
FIRSTS = 1
COUNTS = 2
SLOTS = 3
ORDER = 4

# 2**64 divided by the square of the golden ratio: its multiples spread evenly, those of regular indices too.
SPREAD = 0x61C8864680B583EB


def group(indices: Any, rows: int, table: Any, shift: int, groups: Any, named: Any) -> tuple[int, int]:
    """Numbers the rows that ``indices`` name, as they are named.

    Args:
        indices: the rows that gradients belong to.
        rows: how many rows there are.
        table: scratch: 2**k places, at least twice as many as the indices.
        shift: 64 - k.
        groups: receives what is found.
        named: receives each row by its number.

    Returns:
        How many rows are named, and how many sums are due. For the first index that is no row, -1 less its position.
    """
    table[:] = -1
    distinct = 0
    for position in range(indices.size):
        row = indices[position]
        if row < 0 or row >= rows:
            return -1 - position, 0
        probe = np.int64((np.uint64(row) * np.uint64(SPREAD)) >> np.uint64(shift))
        number = table[probe]
        while number >= 0 and named[number] != row:
            probe = (probe + 1) & (table.size - 1)
            number = table[probe]
        if number < 0:
            number = distinct
            table[probe] = number
            named[number] = row
            groups[FIRSTS, number] = position
            groups[COUNTS, number] = 0
            distinct += 1
        groups[COUNTS, number] += 1
        groups[NUMBERS, position] = number
    return distinct, sums_first(groups, distinct)


def group_in_row_order(indices: Any, rows: int, table: Any, groups: Any, named: Any) -> tuple[int, int]:
    """Does the same by counting, and numbers the rows in ascending order; ``table`` has a place for every row."""
    table[:] = 0
    distinct = 0
    for position in range(indices.size):
        row = indices[position]
        if row < 0 or row >= rows:
            return -1 - position, 0
        distinct += table[row] == 0
        table[row] += 1
    row = number = 0
    while number < distinct:
        # Without a branch: which row is named cannot be predicted.
        named[number] = row
        groups[COUNTS, number] = count = table[row]
        table[row] = number
        number += count > 0
        row += 1
    for position in range(indices.size - 1, -1, -1):
        number = table[indices[position]]
        groups[NUMBERS, position] = number
        # The first position is what is written last.
        groups[FIRSTS, number] = position
    return distinct, rows_in_turn(groups, distinct)


def is_sorted(indices: Any) -> int:
    """Whether no index is below the one before it: 1 or 0."""
    for position in range(1, indices.size):
        if indices[position] < indices[position - 1]:
            return 0
    return 1


def group_sorted(indices: Any, rows: int, groups: Any, named: Any) -> tuple[int, int]:
    """Does the same for indices that are sorted."""
    distinct = 0
    for position in range(indices.size):
        row = indices[position]
        if row < 0 or row >= rows:
            return -1 - position, 0
        if distinct == 0 or named[distinct - 1] != row:
            named[distinct] = row
            groups[FIRSTS, distinct] = position
            groups[COUNTS, distinct] = 0
            distinct += 1
        groups[COUNTS, distinct - 1] += 1
        groups[NUMBERS, position] = distinct - 1
    return distinct, rows_in_turn(groups, distinct)


def sums_first(groups: Any, distinct: int) -> int:
    """Puts the rows that have several gradients first: to add up is another kind of work than to go to and fro in
    memory, and threads that do different work are less in each other's way."""
    summed = 0
    for number in range(distinct):
        summed += groups[COUNTS, number] > 1
    slot, single = 0, summed
    for number in range(distinct):
        if groups[COUNTS, number] > 1:
            groups[SLOTS, number] = slot
            groups[ORDER, slot] = number
            slot += 1
        else:
            groups[SLOTS, number] = -1
            groups[ORDER, single] = number
            single += 1
    return summed


def rows_in_turn(groups: Any, distinct: int) -> int:
    """Leaves the rows in the order of memory."""
    summed = 0
    for number in range(distinct):
        several = groups[COUNTS, number] > 1
        groups[SLOTS, number] = summed if several else -1
        groups[ORDER, number] = number
        summed += several
    return summed


def share_out(groups: Any, distinct: int, cost: int, cuts: Any) -> None:
    """Cuts the rows, in the order of their steps, into parts of equal work.

    Args:
        groups: what was found.
        distinct: how many rows are named.
        cost: what a step costs, as so many gradients that are added up.
        cuts: receives, for each cut, how many rows lie before it, and how many sums.
    """
    total = cost * distinct
    for number in range(distinct):
        total += groups[COUNTS, number] if groups[SLOTS, number] >= 0 else 0
    parts = len(cuts) - 1
    cuts[0, 0] = cuts[0, 1] = part = done = slots = 0
    for place in range(distinct):
        number = groups[ORDER, place]
        several = groups[SLOTS, number] >= 0
        done += cost + (groups[COUNTS, number] if several else 0)
        slots += several
        while part + 1 < parts and done * parts >= total * (part + 1):
            part += 1
            cuts[part, 0] = place + 1
            cuts[part, 1] = slots
    for rest in range(part + 1, parts + 1):
        cuts[rest, 0] = distinct
        cuts[rest, 1] = slots


def ascending(named: Any, rows: int, order: Any, spare_order: Any) -> None:
    """Sorts rows: ``order`` receives their numbers, in ascending order of the rows.

    A radix sort by eleven bits; ``spare_order`` is scratch of the size of ``order``.
    """
    passes = 0
    while (rows - 1) >> (11 * passes) > 0:
        passes += 1
    # An even number of exchanges leaves the result where it is wanted.
    source, target = (order, spare_order) if passes % 2 == 0 else (spare_order, order)
    for number in range(order.size):
        source[number] = number
    digits = min(rows, 2048)
    for shift in range(0, 11 * passes, 11):
        ends = np.zeros(digits + 1, np.int64)
        for number in source:
            ends[(named[number] >> shift & 2047) + 1] += 1
        for digit in range(digits):
            ends[digit + 1] += ends[digit]
        for number in source:
            digit = named[number] >> shift & 2047
            target[ends[digit]] = number
            ends[digit] += 1
        source, target = target, source
