"""The addresses of arrays, and arrays at an address."""

import ctypes
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

_pointer_at = ctypes.c_size_t.from_address
_HEADER = object.__basicsize__


def address_of(array: Any) -> int:
    """The address of the first element of an array, or of an object that has an ``address``.

    >>> array = np.ones(3)
    >>> address_of(array) == array.ctypes.data
    True
    """
    if type(array) is not np.ndarray:
        found: int = array.address
        return found
    # The first field of NumPy's array structure in C: ``array.ctypes.data`` takes as long as a small step.
    return _pointer_at(id(array) + _HEADER).value if _IS_FIRST else array.ctypes.data


def addresses_of(arrays: Sequence[np.ndarray]) -> list[int]:
    """The addresses of arrays that are all of NumPy's own type; faster."""
    if not _IS_FIRST:
        return [array.ctypes.data for array in arrays]
    return [_pointer_at(id(array) + _HEADER).value for array in arrays]


def view_at(
    address: int, storage: Any, shape: tuple[int, ...], strides: tuple[int, ...] | None, kind: np.dtype
) -> np.ndarray:
    """A NumPy view of a tensor's memory by its address; it keeps the storage alive.

    A library's own view may be a copy (MindSpore's ``asnumpy()``), or make its storage fixed in size (PyTorch's
    ``numpy()``).

    Args:
        address: of the first element.
        storage: the tensor's storage, with ``data_ptr()`` and ``nbytes()``.
        shape: its shape.
        strides: in elements; None of a contiguous tensor.
        kind: NumPy's type of its elements, or of their bits.

    Raises:
        TypeError: the elements do not lie in the storage.
    """
    elements = math.prod(shape)
    if strides is not None:
        elements = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        strides = tuple(kind.itemsize * stride for stride in strides)
    if not lies_in(storage, address, kind.itemsize * elements):
        raise TypeError("a tensor whose elements lie outside of its storage, which has been replaced or resized")
    memory: Any = (ctypes.c_char * (kind.itemsize * elements)).from_address(address)
    memory.storage = storage
    return np.ndarray(shape, kind, memory, 0, strides)


def lies_in(storage: Any, address: int, size: int) -> bool:
    """Whether ``size`` bytes from an address on belong to a storage.

    Another thread may replace a tensor's storage between two questions, and a storage may have been shrunk.
    """
    start: int = storage.data_ptr()
    return start <= address and address + size <= start + storage.nbytes()


def _is_first() -> bool:
    """Whether the pointer to the elements is the first field of the structure, as in CPython."""
    probe = np.empty(3)[1:]
    return sys.implementation.name == "cpython" and _pointer_at(id(probe) + _HEADER).value == probe.ctypes.data


_IS_FIRST = _is_first()
