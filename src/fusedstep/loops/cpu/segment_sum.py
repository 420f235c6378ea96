"""The sums of gradients that share a row, in the order of the indices, from each row's first gradient on."""

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

# How many gradients ahead of the sum memory is asked for.
AHEAD = 64
# Memory streams faster than it skips: up to so many gradients of others are asked for along with the next of one's own.
GAP = 3


def segment_sum(block: int) -> None:
    """Adds up the gradients of the rows whose sums lie in some slots."""
    call = int64s(block)
    inverse, first, slots = int32s(call[INVERSE_AT]), int32s(call[FIRST_AT]), int32s(call[SLOTS_AT])
    positions, count, first_slot, last_slot = int32s(call[POSITIONS]), call[COUNT], call[FIRST_SLOT], call[LAST_SLOT]
    load, add, width, sums, sums_row = call[LOAD_SUM], call[ADD_TO_SUM], call[WIDTH], call[SUMS], call[SUMS_ROW]
    gradient, gradient_row = call[GRADIENT], call[GRADIENT_ROW]
    own = 0
    for position in range(count):
        # Without a branch: whose row comes next cannot be predicted.
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
    """Prefetches the first lines of so many bytes of the gradient."""
    for line in range(0, min(size, LINES * CACHE_LINE), CACHE_LINE):
        prefetch_to_read(address + line)
