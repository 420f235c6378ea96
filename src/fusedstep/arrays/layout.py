"""The rows of an array in memory."""

import math
from typing import Any, NamedTuple

import numpy as np


class Rows(NamedTuple):
    """An array seen as rows.

    Attributes:
        array: the array, whose rows are contiguous each; or the memory of a tensor, see ``plain.TensorMemory``.
        rows: the number of rows.
        width: the elements of a row.
        row_stride: the elements from one row to the next.
    """

    array: Any
    rows: int
    width: int
    row_stride: int

    @property
    def flat(self) -> np.ndarray:
        """A view of one dimension from the first element of the first row to the last element of the last row."""
        array = as_array(self.array)
        if array.flags.c_contiguous:
            flat: np.ndarray = array.reshape(-1)
            return flat
        whole = (self.rows - 1) * self.row_stride + self.width
        return np.lib.stride_tricks.as_strided(array, (whole,), (array.itemsize,))

    def table(self) -> np.ndarray:
        """A view of two dimensions."""
        size = self.array.itemsize
        return np.lib.stride_tricks.as_strided(
            as_array(self.array), (self.rows, self.width), (self.row_stride * size, size)
        )


def as_array(memory: Any) -> np.ndarray:
    """A NumPy array for an array or the memory of a tensor."""
    array: np.ndarray = memory if isinstance(memory, np.ndarray) else memory.view()
    return array


def extent(array: Any) -> tuple[int, int]:
    """The number of rows of an array, and the elements of a row."""
    shape = array.shape
    rows = shape[0] if shape else 1
    return rows, array.size // rows if rows else math.prod(shape[1:])


def rows_of(array: np.ndarray) -> Rows:
    """An array as rows along its first dimension, which must be contiguous each and follow one another.

    Raises:
        ValueError: the array has another layout; the message says which.
    """
    rows, width = extent(array)
    if array.flags.c_contiguous or array.size == 0:
        return Rows(array, rows, width, width)
    if not array[0].flags.c_contiguous:
        raise ValueError(f"has rows that are not contiguous (shape {array.shape}, strides {array.strides} in bytes)")
    row_stride, rest = divmod(array.strides[0], array.itemsize)
    if rest or row_stride < width:
        raise ValueError(
            f"has rows that overlap or are in reverse order (shape {array.shape}, strides {array.strides} in bytes)"
        )
    return Rows(array, rows, width, row_stride)
