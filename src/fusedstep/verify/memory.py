"""The memory around the arrays of a call: guards, and what it holds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

GUARD = 8


def guarded(array: np.ndarray) -> np.ndarray:
    """A copy of floats with NaN before and behind it: a kernel that reads it shows, and so does one that writes."""
    buffer = np.full(array.size + 2 * GUARD, np.nan, array.dtype)
    inner = buffer[GUARD : GUARD + array.size].reshape(array.shape)
    inner[...] = array
    return inner


def guarded_all(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values, their arrays of floats between guards."""
    return {
        name: guarded(each) if isinstance(each, np.ndarray) and each.dtype.kind not in "iu" else each
        for name, each in values.items()
    }


def owner(array: np.ndarray) -> np.ndarray:
    """The array that owns another's memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def content(values: Mapping[str, Any]) -> dict[str, bytes]:
    """What lies in the memory of the arrays among some values, and around it."""
    return {name: owner(each).tobytes(order="A") for name, each in values.items() if isinstance(each, np.ndarray)}


def around(array: np.ndarray) -> bytes:
    """What lies in the memory that an array is part of, but not in the array."""
    whole = owner(array)
    copy = bytearray(whole.tobytes(order="A"))
    start = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    np.ndarray(array.shape, array.dtype, copy, start, array.strides)[...] = 0
    return bytes(copy)
