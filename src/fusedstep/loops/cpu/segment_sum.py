"""The sums of gradients that share a row, in the order of the indices, from each row's first gradient on."""

from .memory import int32s, prefetch_to_read, take_sum
from .row_prefetch import CACHE_LINE, LINES

# How many gradients ahead of the sum memory is asked for.
AHEAD = 64
# Memory streams faster than it skips: up to so many gradients of others are asked for along with the next of one's own.
GAP = 3


def segment_sum(
    load: int,
    add: int,
    gradient: int,
    gradient_row: int,
    width: int,
    count: int,
    inverse_at: int,
    first_at: int,
    slots_at: int,
    first_slot: int,
    last_slot: int,
    positions_at: int,
    sums: int,
    sums_row: int,
) -> None:
    """Adds up the gradients of the rows whose sums lie in some slots.

    Args:
        load: the address of the function that loads a gradient into a sum.
        add: that of the one that adds it.
        gradient: the first element of the gradient.
        gradient_row: bytes of a row of it.
        width: elements of a row.
        count: how many gradients there are.
        inverse_at, first_at, slots_at: what grouping found.
        first_slot, last_slot: the slots.
        positions_at: scratch, with a place for every gradient.
        sums: the first sum.
        sums_row: bytes of a sum.
    """
    inverse, first, slots, positions = int32s(inverse_at), int32s(first_at), int32s(slots_at), int32s(positions_at)
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
