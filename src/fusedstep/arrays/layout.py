"""How the rows of an array lie in memory."""

import math
from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """An array seen as rows.

    Attributes:
        flat: one dimension over the memory from the first row's first element to the last row's last.
        rows: how many rows.
        width: elements in a row.
        pitch: elements from one row to the next.
    """

    flat: np.ndarray
    rows: int
    width: int
    pitch: int

    def table(self) -> np.ndarray:
        """The rows as a two-dimensional view."""
        size = self.flat.itemsize
        return np.lib.stride_tricks.as_strided(self.flat, (self.rows, self.width), (self.pitch * size, size))


def extent(array: np.ndarray) -> tuple[int, int]:
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
        return Rows(array.reshape(-1), rows, width, width)
    if not array[0].flags.c_contiguous:
        raise ValueError(f"has rows whose elements are apart (shape {array.shape}, strides {array.strides} in bytes)")
    pitch, rest = divmod(array.strides[0], array.itemsize)
    if rest or pitch < width:
        raise ValueError(
            f"has rows that share memory or run backwards (shape {array.shape}, strides {array.strides} in bytes)"
        )
    whole = (rows - 1) * pitch + width
    return Rows(np.lib.stride_tricks.as_strided(array, (whole,), (array.itemsize,)), rows, width, pitch)
