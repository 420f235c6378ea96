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
    """A new array on huge pages, where the system has them: random rows are then accessed faster.

    A step that touches random rows spends much of its time on address translation; pages of two megabytes instead of
    four kilobytes save most of it. ``torch.from_numpy`` makes a tensor of such an array.

    Args:
        shape: the shape.
        dtype: any NumPy type; ``ml_dtypes.bfloat16`` too.

    Returns:
        A contiguous array with arbitrary elements; it is freed with its last view.

    Raises:
        MemoryError: there is not enough memory.
        TypeError: ``shape`` is not a whole number or several, or ``dtype`` is not a type.
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
        # Private: after a fork the child has a copy, as of other memory.
        private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
        memory = mmap.mmap(-1, size + HUGE_PAGE, **private)
    except (OSError, OverflowError) as error:
        raise MemoryError(f"empty_table: there is no memory for {size:,} bytes of shape {sizes}") from error
    if hasattr(mmap, "MADV_HUGEPAGE"):
        # If the advice is refused, access is slower; nothing else changes.
        with contextlib.suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    found: np.ndarray = np.frombuffer(memory, np.uint8)
    start = -found.ctypes.data % HUGE_PAGE
    table: np.ndarray = found[start : start + size].view(each).reshape(sizes)
    return table


def type_of(dtype: Any) -> np.dtype:
    """A NumPy type.

    Raises:
        TypeError: the value is not a type.
    """
    try:
        found: np.dtype = np.dtype(dtype)
    except (TypeError, ValueError, RuntimeError, SyntaxError) as error:
        raise TypeError(f"empty_table: dtype is {dtype!r:.60}, expected one of NumPy's types ({error})") from None
    return found


def sizes_of(shape: Any) -> tuple[int, ...]:
    """The sizes of a shape.

    Raises:
        TypeError: they are not whole numbers.
        ValueError: one is negative or too large, or there are too many.
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
