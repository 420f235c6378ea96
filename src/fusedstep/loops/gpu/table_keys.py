"""The sparse gradients of many tables, seen as one: for each index a key, an address and a weight. Needs no rule.

A key holds the number of a table and a row of it, so that one sort groups the indices of all tables. Each lookup has a
record of ``RECORD`` 64-bit integers. Programs take blocks of ``BLOCK`` indices, those of one lookup after those of
another.
"""

from typing import Any

import triton.language as tl

# Keys hold the row in so many bits.
ROW_BITS = tl.constexpr(40)
ROW_MASK = tl.constexpr((1 << 40) - 1)
# More than any key.
NO_KEY = tl.constexpr(1 << 62)

# The fields of a record: the number of the lookup's first block, the place of its first index, their number; the number
# and the rows of the table; the addresses of the indices, of the gradient, of where bags begin, or 0, and their number;
# the address of the weights, or 0; whether the integers have 32 bits.
FIRST_BLOCK = tl.constexpr(0)
BEGIN = tl.constexpr(1)
COUNT = tl.constexpr(2)
TABLE = tl.constexpr(3)
ROWS = tl.constexpr(4)
INDICES = tl.constexpr(5)
GRADIENT = tl.constexpr(6)
OFFSETS = tl.constexpr(7)
BAGS = tl.constexpr(8)
WEIGHTS = tl.constexpr(9)
NARROW = tl.constexpr(10)
RECORD = tl.constexpr(11)


def table_keys(records: Any, lookups: Any, keys: Any, addresses: Any, weights: Any, row_bytes: Any, BLOCK: Any) -> None:
    """Write the keys, the addresses of the gradients and the weights of the program's block of indices.

    An index that names no row of its table has the key -1.
    """
    record = record_of_block(records, lookups)
    count, narrow = tl.load(record + COUNT), tl.load(record + NARROW)
    place = (tl.program_id(0) - tl.load(record + FIRST_BLOCK)) * BLOCK + tl.arange(0, BLOCK)
    here = place < count
    row = integers_at(tl.load(record + INDICES), place, here, narrow)
    key = (tl.load(record + TABLE) << ROW_BITS) | row
    key = tl.where((row >= 0) & (row < tl.load(record + ROWS)), key, -1)
    target = tl.load(record + BEGIN) + place
    tl.store(keys + target, key, mask=here)
    offsets = tl.load(record + OFFSETS)
    bag = place
    if offsets != 0:
        bag = bag_of(offsets, tl.load(record + BAGS), place, here, narrow)
    tl.store(addresses + target, tl.load(record + GRADIENT) + bag * row_bytes, mask=here)
    if weights is not None:
        factor = tl.full((BLOCK,), 1, weights.dtype.element_ty)
        address = tl.load(record + WEIGHTS)
        if address != 0:
            factor = tl.load(address.to(weights.dtype) + place, mask=here, other=1)
        tl.store(weights + target, factor, mask=here)


def record_of_block(records: Any, lookups: Any) -> Any:
    """The record of the lookup of the program's block."""
    lookup = tl.full((), 0, tl.int64)
    left = tl.full((), 0, tl.int64) + lookups
    while left > 1:
        half = left // 2
        begins = tl.load(records + (lookup + half) * RECORD + FIRST_BLOCK) <= tl.program_id(0)
        lookup = tl.where(begins, lookup + half, lookup)
        left = left - half
    return records + lookup * RECORD


def bag_of(offsets: Any, bags: Any, place: Any, here: Any, narrow: Any) -> Any:
    """The bag of each place: the last one that begins there or before, whatever the offsets hold one of the bags."""
    bag = place * 0
    left = bags
    while left > 1:
        half = left // 2
        begins = integers_at(offsets, bag + half, here, narrow) <= place
        bag = tl.where(begins, bag + half, bag)
        left = left - half
    return bag


def integers_at(address: Any, place: Any, here: Any, narrow: Any) -> Any:
    """Integers of 64 bits, or of 32, at some places behind an address."""
    if narrow != 0:
        integers = tl.load(address.to(tl.pointer_type(tl.int32)) + place, mask=here, other=0).to(tl.int64)
    else:
        integers = tl.load(address.to(tl.pointer_type(tl.int64)) + place, mask=here, other=0)
    return integers
