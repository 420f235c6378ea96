"""Memory for large tables."""

import contextlib
import math
import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np

HUGE_PAGE = 2**21


def empty_table(shape: int | Sequence[int], dtype: Any = np.float32) -> np.ndarray:
    """A new array whose rows are found fast: on huge pages, where the system has them.

    A step that touches rows here and there spends much of its time on finding where pages lie in memory; pages of two
    megabytes in place of four kilobytes spare most of that. PyTorch takes such an array by ``torch.from_numpy``.

    Args:
        shape: the shape.
        dtype: any type of NumPy's; ``ml_dtypes.bfloat16`` too.

    Returns:
        The array, contiguous, with anything in it; the caller's own, and freed with its last view.

    Raises:
        MemoryError: there is not so much.
        TypeError, ValueError: as ``numpy.empty``.

    >>> table = empty_table((100_000, 64))
    >>> table.shape, table.dtype.name, table.ctypes.data % 2**21
    ((100000, 64), 'float32', 0)
    """
    kind = np.dtype(dtype)
    sizes = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    size = math.prod(sizes) * kind.itemsize
    if size < HUGE_PAGE or min(sizes) < 0 or kind.hasobject:
        return np.empty(sizes, kind)
    try:
        # Private: a child of fork gets a copy, as of any other memory.
        private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
        memory = mmap.mmap(-1, size + HUGE_PAGE, **private)
    except (OSError, OverflowError) as error:
        raise MemoryError(f"empty_table: there is no memory for {size:,} bytes of shape {sizes}") from error
    if hasattr(mmap, "MADV_HUGEPAGE"):
        # Advice that is refused costs time, nothing else.
        with contextlib.suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    found: np.ndarray = np.frombuffer(memory, np.uint8)
    start = -found.ctypes.data % HUGE_PAGE
    table: np.ndarray = found[start : start + size].view(kind).reshape(sizes)
    return table
