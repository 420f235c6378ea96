"""How the rows of an array lie in memory."""

import math
from typing import Any, NamedTuple

import numpy as np


class Rows(NamedTuple):
    """An array seen as rows.

    Attributes:
        array: the array, whose rows each lie whole in memory; or what says where a tensor lies.
        rows: how many rows.
        width: elements in a row.
        row_stride: elements from one row to the next.
    """

    array: Any
    rows: int
    width: int
    row_stride: int

    @property
    def flat(self) -> np.ndarray:
        """One dimension over the memory from the first row's first element to the last row's last."""
        array = as_array(self.array)
        if array.flags.c_contiguous:
            flat: np.ndarray = array.reshape(-1)
            return flat
        whole = (self.rows - 1) * self.row_stride + self.width
        return np.lib.stride_tricks.as_strided(array, (whole,), (array.itemsize,))

    def table(self) -> np.ndarray:
        """The rows as a two-dimensional view."""
        size = self.array.itemsize
        return np.lib.stride_tricks.as_strided(
            as_array(self.array), (self.rows, self.width), (self.row_stride * size, size)
        )


def as_array(memory: Any) -> np.ndarray:
    """An array as NumPy's."""
    array: np.ndarray = memory if isinstance(memory, np.ndarray) else memory.view()
    return array


def extent(array: Any) -> tuple[int, int]:
    """How many rows an array has, and how many elements a row."""
    shape = array.shape
    rows = shape[0] if shape else 1
    return rows, array.size // rows if rows else math.prod(shape[1:])


def rows_of(array: np.ndarray) -> Rows:
    """An array as rows along its first dimension, if each lies whole in memory, and behind the one before.

    Raises:
        ValueError: it lies in another way; the message says how.
    """
    rows, width = extent(array)
    if array.flags.c_contiguous or array.size == 0:
        return Rows(array, rows, width, width)
    if not array[0].flags.c_contiguous:
        raise ValueError(f"has rows whose elements are apart (shape {array.shape}, strides {array.strides} in bytes)")
    row_stride, rest = divmod(array.strides[0], array.itemsize)
    if rest or row_stride < width:
        raise ValueError(
            f"has rows that share memory or run backwards (shape {array.shape}, strides {array.strides} in bytes)"
        )
    return Rows(array, rows, width, row_stride)
