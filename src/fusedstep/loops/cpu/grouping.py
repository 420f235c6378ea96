"""Grouping: the unique rows of some indices, and the gradients of each.

Unique rows are numbered as they first appear, or in ascending order. ``groups_at`` is the address of five arrays of
32-bit integers, each ``count`` long, one behind the other:

- ``INVERSE``: for each gradient, the number of its row.
- ``FIRST``: for each unique row by number, the position of its first gradient.
- ``COUNTS``: the number of its gradients.
- ``SLOTS``: the place of their sum, or -1 for a single gradient.
- ``ORDER``: the numbers in the order in which rows take the step.

Functions that group return the number of unique rows, and write to ``sums_due_at`` how many of these have several
gradients. For the first index out of range they return -1 minus its position. ``table_at`` is scratch of
``2**hash_bits(count)`` places.
"""

from .memory import int32s, int64s

INVERSE, FIRST, COUNTS, SLOTS, ORDER = range(5)
INT32_BYTES = 4
INT64_BYTES = 8
ARRAYS = 5
# Up to this many rows per index, counting is faster than hashing.
COUNTING_ROWS = 2
UNSORTED = -(2**62)

# The smallest hash table, in bits.
LEAST_BITS = 4

# 2**64 divided by the square of the golden ratio: its multiples spread evenly, also for regular indices.
SPREAD = 0x61C8864680B583EB
# The bits of a digit of the radix sort.
DIGIT = 11
DIGITS = 1 << DIGIT


def group_rows(
    indices_at: int, count: int, rows: int, table_at: int, groups_at: int, unique_rows_at: int, sums_due_at: int
) -> int:
    """Group indices in the fastest way; behind ``sums_due_at`` is written whether rows are in ascending order."""
    ascending = int64s(sums_due_at + INT64_BYTES)
    ascending[0] = 1
    distinct = group_sorted(indices_at, count, rows, groups_at, unique_rows_at, sums_due_at)
    if distinct != UNSORTED:
        return distinct
    if rows <= COUNTING_ROWS * count:
        return group_by_counting(indices_at, count, rows, table_at, groups_at, unique_rows_at, sums_due_at)
    ascending[0] = 0
    return group_by_hashing(indices_at, count, rows, table_at, groups_at, unique_rows_at, sums_due_at)


def hash_bits(count: int) -> int:
    """The bits of the number of places of a hash table, at least twice as many as the indices; and for counting."""
    bits = LEAST_BITS
    while 1 << bits < COUNTING_ROWS * count:
        bits += 1
    return bits


def group_by_hashing(
    indices_at: int, count: int, rows: int, table_at: int, groups_at: int, unique_rows_at: int, sums_due_at: int
) -> int:
    """Number rows as they first appear."""
    bits = hash_bits(count)
    indices, table, unique_rows = int64s(indices_at), int32s(table_at), int64s(unique_rows_at)
    inverse, first = int32s(groups_at + INVERSE * INT32_BYTES * count), int32s(groups_at + FIRST * INT32_BYTES * count)
    counts = int32s(groups_at + COUNTS * INT32_BYTES * count)
    size, shift, distinct = 1 << bits, 64 - bits, 0
    for place in range(size):
        table[place] = -1
    for position in range(count):
        row = indices[position]
        if row < 0 or row >= rows:
            return -1 - position
        # The mask removes the bits above the size of the table.
        probe = row * SPREAD >> shift & size - 1
        number = table[probe]
        while number >= 0 and unique_rows[number] != row:
            probe = probe + 1 & size - 1
            number = table[probe]
        if number < 0:
            number = distinct
            table[probe] = number
            unique_rows[number] = row
            first[number] = position
            counts[number] = 0
            distinct += 1
        counts[number] += 1
        inverse[position] = number
    int64s(sums_due_at)[0] = order_by_sums(groups_at, count, distinct)
    return distinct


def group_by_counting(
    indices_at: int, count: int, rows: int, table_at: int, groups_at: int, unique_rows_at: int, sums_due_at: int
) -> int:
    """Number rows in ascending order, by counting, of which there are at most ``COUNTING_ROWS`` for each index."""
    indices, table, unique_rows = int64s(indices_at), int32s(table_at), int64s(unique_rows_at)
    inverse, first = int32s(groups_at + INVERSE * INT32_BYTES * count), int32s(groups_at + FIRST * INT32_BYTES * count)
    counts = int32s(groups_at + COUNTS * INT32_BYTES * count)
    for row in range(rows):
        table[row] = 0
    distinct = 0
    for position in range(count):
        row = indices[position]
        if row < 0 or row >= rows:
            return -1 - position
        distinct += table[row] == 0
        table[row] += 1
    row = number = 0
    while number < distinct:
        # Without a branch, since the rows cannot be predicted.
        unique_rows[number] = row
        gradients = table[row]
        counts[number] = gradients
        table[row] = number
        number += gradients > 0
        row += 1
    for position in range(count - 1, -1, -1):
        number = table[indices[position]]
        inverse[position] = number
        # The first position is written last.
        first[number] = position
    int64s(sums_due_at)[0] = order_by_row(groups_at, count, distinct)
    return distinct


def group_sorted(indices_at: int, count: int, rows: int, groups_at: int, unique_rows_at: int, sums_due_at: int) -> int:
    """Number rows in ascending order if the indices are sorted, else return ``UNSORTED``."""
    indices, unique_rows = int64s(indices_at), int64s(unique_rows_at)
    inverse, first = int32s(groups_at + INVERSE * INT32_BYTES * count), int32s(groups_at + FIRST * INT32_BYTES * count)
    counts = int32s(groups_at + COUNTS * INT32_BYTES * count)
    distinct, before = 0, -1
    for position in range(count):
        row = indices[position]
        if row < 0 or row >= rows:
            return -1 - position
        if row < before:
            return UNSORTED
        if row != before:
            unique_rows[distinct] = row
            first[distinct] = position
            counts[distinct] = 0
            distinct += 1
        before = row
        counts[distinct - 1] += 1
        inverse[position] = distinct - 1
    int64s(sums_due_at)[0] = order_by_row(groups_at, count, distinct)
    return distinct


def order_by_sums(groups_at: int, count: int, distinct: int) -> int:
    """Separate streaming sums from random access: the rows with several gradients come first.

    Threads that do different work disturb each other less.
    """
    counts, slots = int32s(groups_at + COUNTS * INT32_BYTES * count), int32s(groups_at + SLOTS * INT32_BYTES * count)
    order = int32s(groups_at + ORDER * INT32_BYTES * count)
    summed = 0
    for number in range(distinct):
        summed += counts[number] > 1
    slot, single = 0, summed
    for number in range(distinct):
        if counts[number] > 1:
            slots[number] = slot
            order[slot] = number
            slot += 1
        else:
            slots[number] = -1
            order[single] = number
            single += 1
    return summed


def order_by_row(groups_at: int, count: int, distinct: int) -> int:
    """Leave the rows in the order of memory."""
    counts, slots = int32s(groups_at + COUNTS * INT32_BYTES * count), int32s(groups_at + SLOTS * INT32_BYTES * count)
    order = int32s(groups_at + ORDER * INT32_BYTES * count)
    summed = 0
    for number in range(distinct):
        several = counts[number] > 1
        slots[number] = summed if several else -1
        order[number] = number
        summed += several
    return summed


def cut_into_parts(groups_at: int, count: int, distinct: int, cost: int, parts: int, cuts_at: int) -> None:
    """Cut the rows, in the order of their steps, into parts of equal work.

    Args:
        groups_at, count, distinct: the arrays, their length, and the number of unique rows.
        cost: the cost of a step, in additions of a gradient.
        parts: the number of parts.
        cuts_at: receives, for each cut, the rows and the sums before it, as 32-bit integers.
    """
    counts, slots = int32s(groups_at + COUNTS * INT32_BYTES * count), int32s(groups_at + SLOTS * INT32_BYTES * count)
    order = int32s(groups_at + ORDER * INT32_BYTES * count)
    cuts = int32s(cuts_at)
    total = cost * distinct
    for number in range(distinct):
        total += counts[number] if slots[number] >= 0 else 0
    cuts[0] = cuts[1] = 0
    part = done = sums = 0
    for place in range(distinct):
        number = order[place]
        several = slots[number] >= 0
        done += cost + (counts[number] if several else 0)
        sums += several
        while part + 1 < parts and done * parts >= total * (part + 1):
            part += 1
            cuts[2 * part] = place + 1
            cuts[2 * part + 1] = sums
    for empty in range(part + 1, parts + 1):
        cuts[2 * empty] = distinct
        cuts[2 * empty + 1] = sums


def sort_rows(unique_rows_at: int, distinct: int, rows: int, order_at: int, spare_at: int, ends_at: int) -> None:
    """Sort the unique rows; ``order_at`` receives their numbers, in ascending order of rows.

    Args:
        unique_rows_at, distinct: the unique rows and their number.
        rows: the number of rows of the table.
        order_at: receives the numbers.
        spare_at: scratch of that size.
        ends_at: scratch of ``DIGITS`` + 1 places.
    """
    unique_rows, ends = int64s(unique_rows_at), int64s(ends_at)
    passes = 0
    while (rows - 1) >> (DIGIT * passes) > 0:
        passes += 1
    # After an even number of passes the result lies in ``order_at``.
    source_at, target_at = (order_at, spare_at) if passes % 2 == 0 else (spare_at, order_at)
    source = int64s(source_at)
    for number in range(distinct):
        source[number] = number
    digits = min(rows, DIGITS)
    for shift in range(0, DIGIT * passes, DIGIT):
        source, target = int64s(source_at), int64s(target_at)
        for digit in range(digits + 1):
            ends[digit] = 0
        for place in range(distinct):
            ends[(unique_rows[source[place]] >> shift & DIGITS - 1) + 1] += 1
        for digit in range(digits):
            ends[digit + 1] += ends[digit]
        for place in range(distinct):
            digit = unique_rows[source[place]] >> shift & DIGITS - 1
            target[ends[digit]] = source[place]
            ends[digit] += 1
        source_at, target_at = target_at, source_at
