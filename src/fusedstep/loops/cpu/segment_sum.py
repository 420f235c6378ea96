"""Segment sums: the sum of the gradients that share a row, in the order of the indices."""

from typing import Any

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
    SOURCES_AT,
    SUMS,
    SUMS_ROW,
    WEIGHTS_AT,
    WIDTH,
)
from .memory import int32s, int64s, prefetch_to_read, take_sum, take_weighted_sum
from .row_prefetch import CACHE_LINE, LINES

# Gradients are prefetched this many gradients ahead.
AHEAD = 64
# Memory streams faster than it skips: gaps of up to this many gradients are prefetched too.
GAP = 3


def segment_sum(block: int) -> None:
    """Compute the sums of the slots from ``FIRST_SLOT`` to ``LAST_SLOT``."""
    call = int64s(block)
    inverse, first, slots = int32s(call[INVERSE_AT]), int32s(call[FIRST_AT]), int32s(call[SLOTS_AT])
    positions, own = int32s(call[POSITIONS]), own_positions(call)
    load, add, width, sums, sums_row = call[LOAD_SUM], call[ADD_TO_SUM], call[WIDTH], call[SUMS], call[SUMS_ROW]
    gradient, gradient_row = call[GRADIENT], call[GRADIENT_ROW]
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


def bag_sum(block: int) -> None:
    """The same for gradients of bags: rows at ``SOURCES_AT``, times the factors at ``WEIGHTS_AT`` if there are any."""
    call = int64s(block)
    inverse, first, slots = int32s(call[INVERSE_AT]), int32s(call[FIRST_AT]), int32s(call[SLOTS_AT])
    positions, own, sources = int32s(call[POSITIONS]), own_positions(call), int64s(call[SOURCES_AT])
    load, add, width, sums, sums_row = call[LOAD_SUM], call[ADD_TO_SUM], call[WIDTH], call[SUMS], call[SUMS_ROW]
    gradient_row, weights, weight_bytes = call[GRADIENT_ROW], call[WEIGHTS_AT], sums_row // width
    fetched = 0
    for entry in range(own):
        if entry + AHEAD < own:
            ahead = sources[positions[entry + AHEAD]]
            # The indices of a bag share its row.
            if ahead != fetched:
                prefetch_gradient(ahead, gradient_row)
                fetched = ahead
        position = positions[entry]
        number = inverse[position]
        take = load if first[number] == position else add
        target = sums + slots[number] * sums_row
        if weights:
            take_weighted_sum(take, target, sources[position], width, weights + position * weight_bytes)
        else:
            take_sum(take, target, sources[position], width)


def own_positions(call: Any) -> int:
    """Write the positions of the gradients that are added to the sums of the part; return how many they are."""
    inverse, slots, positions = int32s(call[INVERSE_AT]), int32s(call[SLOTS_AT]), int32s(call[POSITIONS])
    first_slot, last_slot = call[FIRST_SLOT], call[LAST_SLOT]
    own = 0
    for position in range(call[COUNT]):
        # Without a branch, since the rows cannot be predicted.
        positions[own] = position
        slot = slots[inverse[position]]
        own += (slot >= first_slot) & (slot < last_slot)
    return own


def prefetch_gradient(address: int, size: int) -> None:
    """Prefetch the first lines of ``size`` bytes of the gradient."""
    for line in range(0, min(size, LINES * CACHE_LINE), CACHE_LINE):
        prefetch_to_read(address + line)
