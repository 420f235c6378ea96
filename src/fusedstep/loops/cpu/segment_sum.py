"""Segment sums: the sum of the gradients that share a row, in the order of the indices."""

from .block import (
    ADD_TO_SUM,
    COUNT,
    FIRST_AT,
    FIRST_SLOT,
    GRADIENT,
    GRADIENT_ROW,
    INVERSE_AT,
    LAST_SLOT,
    LOAD_SUM,
    POSITIONS,
    SLOTS_AT,
    SUMS,
    SUMS_ROW,
    WIDTH,
)
from .memory import int32s, int64s, prefetch_to_read, take_sum
from .row_prefetch import CACHE_LINE, LINES

# Gradients are prefetched this many gradients ahead.
AHEAD = 64
# Memory streams faster than it skips: gaps of up to this many gradients are prefetched too.
GAP = 3


def segment_sum(block: int) -> None:
    """Compute the sums of the slots from ``FIRST_SLOT`` to ``LAST_SLOT``."""
    call = int64s(block)
    inverse, first, slots = int32s(call[INVERSE_AT]), int32s(call[FIRST_AT]), int32s(call[SLOTS_AT])
    positions, count, first_slot, last_slot = int32s(call[POSITIONS]), call[COUNT], call[FIRST_SLOT], call[LAST_SLOT]
    load, add, width, sums, sums_row = call[LOAD_SUM], call[ADD_TO_SUM], call[WIDTH], call[SUMS], call[SUMS_ROW]
    gradient, gradient_row = call[GRADIENT], call[GRADIENT_ROW]
    own = 0
    for position in range(count):
        # Without a branch, since the rows cannot be predicted.
        positions[own] = position
        slot = slots[inverse[position]]
        own += (slot >= first_slot) & (slot < last_slot)
    fetched = 0
    for entry in range(own):
        if entry + AHEAD < own:
            ahead = positions[entry + AHEAD]
            if ahead - fetched <= GAP:
                prefetch_gradient(gradient + fetched * gradient_row, (ahead - fetched) * gradient_row)
            prefetch_gradient(gradient + ahead * gradient_row, gradient_row)
            fetched = ahead + 1
        position = positions[entry]
        number = inverse[position]
        take = load if first[number] == position else add
        take_sum(take, sums + slots[number] * sums_row, gradient + position * gradient_row, width)


def prefetch_gradient(address: int, size: int) -> None:
    """Prefetch the first lines of ``size`` bytes of the gradient."""
    for line in range(0, min(size, LINES * CACHE_LINE), CACHE_LINE):
        prefetch_to_read(address + line)
