"""The lookups of a table: their indices, and where the gradient row of each lies.

The record of a lookup is an array of 64-bit integers, one behind the other for several lookups: the address of its
indices, their number, and the bytes of one; the address of the starts of its bags, or 0 if each index is a bag of its
own, the bytes of one, and the number of bags; the address of the gradient, and the bytes of one of its rows.
"""

from typing import Any

from .memory import int32s, int64s

INDICES_AT = 0
INDICES = 1
INDEX_BYTES = 2
STARTS_AT = 3
START_BYTES = 4
BAGS = 5
GRADIENT_AT = 6
GRADIENT_ROW = 7
LOOKUP_FIELDS = 8
WIDE_BYTES = 8


def snapshot(lookups_at: int, lookups: int, indices_at: int) -> None:
    """Copy the indices of all lookups, one behind the other: what is checked does not change."""
    copied, done = int64s(indices_at), 0
    for number in range(lookups):
        lookup = int64s(lookups_at + number * LOOKUP_FIELDS * WIDE_BYTES)
        for place in range(lookup[INDICES]):
            copied[done + place] = integer_at(lookup[INDICES_AT], lookup[INDEX_BYTES], place)
        done += lookup[INDICES]


def locate(lookups_at: int, lookups: int, sources_at: int) -> int:
    """Write the address of the gradient row of each index; return whether all bags follow one another."""
    done = 0
    for number in range(lookups):
        lookup = int64s(lookups_at + number * LOOKUP_FIELDS * WIDE_BYTES)
        if not locate_bags(lookup, sources_at + done * WIDE_BYTES):
            return 0
        done += lookup[INDICES]
    return 1


def locate_bags(lookup: Any, sources_at: int) -> int:
    """The same for one lookup."""
    sources, count, bags = int64s(sources_at), lookup[INDICES], lookup[BAGS]
    source, row_bytes = lookup[GRADIENT_AT], lookup[GRADIENT_ROW]
    if not lookup[STARTS_AT]:
        for place in range(count):
            sources[place] = source + place * row_bytes
        return 1
    stop = 0
    for bag in range(bags):
        start = stop
        stop = integer_at(lookup[STARTS_AT], lookup[START_BYTES], bag + 1) if bag + 1 < bags else count
        if stop < start or stop > count:
            return 0
        for place in range(start, stop):
            sources[place] = source + bag * row_bytes
    first = integer_at(lookup[STARTS_AT], lookup[START_BYTES], 0) if bags else 0
    return int(first == 0 and stop == count)


def integer_at(address: int, item_bytes: int, place: int) -> int:
    """One of some integers of 32 or 64 bits."""
    if item_bytes == WIDE_BYTES:
        return int(int64s(address)[place])
    return int(int32s(address)[place])
