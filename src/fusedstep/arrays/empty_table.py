"""Memory for large tables."""

import contextlib
import math
import mmap
import operator
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .borrow import kind

HUGE_PAGE = 2**21
# NumPy 1's limit; NumPy 2 has 64.
DIMENSIONS = 32


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
        TypeError: ``shape`` holds no whole numbers, or ``dtype`` is no type.
        ValueError: a size is negative, or an array cannot have such a shape.

    >>> table = empty_table((100_000, 64))
    >>> table.shape, table.dtype.name, table.ctypes.data % 2**21
    ((100000, 64), 'float32', 0)
    """
    each, sizes = type_of(dtype), sizes_of(shape)
    size = math.prod(sizes) * each.itemsize
    if size < HUGE_PAGE or each.hasobject or each.subdtype:
        try:
            return np.empty(sizes, each)
        except ValueError as error:
            raise ValueError(f"empty_table: shape is {sizes}: {error}") from None
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
    table: np.ndarray = found[start : start + size].view(each).reshape(sizes)
    return table


def type_of(dtype: Any) -> np.dtype:
    """A type of NumPy's.

    Raises:
        TypeError: it is not a type.
    """
    try:
        found: np.dtype = np.dtype(dtype)
    except (TypeError, ValueError, RuntimeError, SyntaxError) as error:
        raise TypeError(f"empty_table: dtype is {dtype!r:.60}, expected one of NumPy's types ({error})") from None
    return found


def sizes_of(shape: Any) -> tuple[int, ...]:
    """The sizes of a shape.

    Raises:
        TypeError: they are no whole numbers.
        ValueError: one is negative, or they are more, or larger, than an array's can be.
    """
    try:
        several = [shape] if isinstance(shape, int | np.integer) else list(shape)
        sizes = tuple(operator.index(size) for size in several)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"empty_table: shape is {kind(shape)}, expected a whole number, or several") from None
    if min(sizes, default=0) < 0:
        raise ValueError(f"empty_table: shape is {sizes}, expected no negative sizes")
    if len(sizes) > DIMENSIONS or max(sizes, default=0) > sys.maxsize:
        raise ValueError(
            f"empty_table: shape is {sizes!r:.60}, expected {DIMENSIONS} dimensions at most, each below 2**63"
        )
    return sizes
