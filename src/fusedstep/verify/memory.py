"""The memory of a call's arrays, and guards around it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

GUARD = 8


def guarded(array: np.ndarray) -> np.ndarray:
    """A copy of floats between NaNs: they reveal a kernel that reads or writes outside the array."""
    buffer = np.full(array.size + 2 * GUARD, np.nan, array.dtype)
    inner = buffer[GUARD : GUARD + array.size].reshape(array.shape)
    inner[...] = array
    return inner


def guarded_all(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values, with arrays of floats between guards."""
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
    """The bytes of all arrays among some values, with the memory around them."""
    return {name: owner(each).tobytes(order="A") for name, each in values.items() if isinstance(each, np.ndarray)}


def around(array: np.ndarray) -> bytes:
    """The bytes of the memory around an array, with zeros in the place of the array."""
    whole = owner(array)
    copy = bytearray(whole.tobytes(order="A"))
    start = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    np.ndarray(array.shape, array.dtype, copy, start, array.strides)[...] = 0
    return bytes(copy)
