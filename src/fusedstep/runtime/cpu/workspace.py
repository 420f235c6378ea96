"""Scratch memory that calls reuse. The allocator returns large blocks to the system, which faults them in again."""

from typing import Any
from weakref import finalize

import numpy as np

# Smaller arrays stay with the allocator, larger ones are rare.
SMALLEST_BITS, LARGEST_BITS = 17, 23
# For each size, a power of two, so many bytes are cached.
CACHED_BYTES = 1 << 25
# Free blocks by the bits of their size.
_free: dict[int, list[np.ndarray]] = {bits: [] for bits in range(SMALLEST_BITS, LARGEST_BITS + 1)}


def empty(count: int, dtype: Any) -> np.ndarray:
    """An array of one dimension with arbitrary elements. Its memory is used again once the array is gone.

    A view of it does not hold the memory: hold the array.
    """
    kind = np.dtype(dtype)
    size = count * kind.itemsize
    bits = (size - 1).bit_length()
    if bits not in _free:
        return np.empty(count, kind)
    try:
        block = _free[bits].pop()
    except IndexError:
        block = np.empty(1 << bits, np.uint8)
    array: np.ndarray = block[:size].view(kind)
    finalize(array, release, bits, block).atexit = False
    return array


def release(bits: int, block: np.ndarray) -> None:
    """Cache a block for later calls, unless enough are cached."""
    if len(_free[bits]) < CACHED_BYTES >> bits:
        _free[bits].append(block)
