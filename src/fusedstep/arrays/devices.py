"""Arrays on a device: which library one belongs to, and what the package asks of such a library.

A library is one file with the functions of ``DeviceLibrary``, and its line in ``LIBRARIES``.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from .tensor_view import TensorView

# The file here that serves the arrays of a package, by the package that defines their type. Neither is imported
# before such an array is passed.
LIBRARIES = {"torch": "torch_device", "cupy": "cupy_device"}


class DeviceLibrary(Protocol):
    """What the package asks of a library with arrays on a device; a module with these functions is one.

    An array has ``shape`` and ``device``, as in the array API standard; devices can be compared and printed. It can be
    indexed, filled by ``array[...] = 0``, compared and subtracted. A type is named by a string: "float32". ``like`` is
    an array on the device where a new one is made. Nothing but ``any_true`` and ``to_host`` waits for the device.
    """

    # What messages call one of its arrays.
    ARRAY: str

    def on_device(self, array: Any) -> bool:
        """Whether an array is on a device that Triton compiles for."""

    def describe(self, array: Any) -> TensorView:
        """The address, shape, strides and type of an array of any shape and type.

        Raises:
            TypeError: kernels cannot use the array; the message says what it is, and the remedy.
        """

    def detach(self, array: Any) -> Any:
        """The same memory, without the record of operations that the library keeps (autograd's)."""

    def contiguous(self, array: Any) -> Any:
        """The detached array if it is contiguous, else a contiguous copy."""

    def copy(self, array: Any) -> Any:
        """A contiguous copy."""

    def empty(self, shape: tuple[int, ...], dtype: str, like: Any) -> Any:
        """A new contiguous array with arbitrary elements."""

    def full(self, shape: tuple[int, ...], value: int, dtype: str, like: Any) -> Any:
        """A new contiguous array of one value."""

    def to_device(self, array: np.ndarray, like: Any) -> Any:
        """A copy of a host array on the device, made in stream order. The host array may change afterwards."""

    def as_type(self, array: Any, dtype: str) -> Any:
        """The detached array if it has a type, else a copy in that type."""

    def arange(self, count: int, like: Any) -> Any:
        """The int64 numbers from 0 to ``count - 1``."""

    def concatenate(self, arrays: Sequence[Any]) -> Any:
        """The rows of some arrays of one type, one array after another."""

    def filled(self, array: Any, mask: Any, value: int) -> Any:
        """A copy with a value where a mask is true."""

    def sort(self, indices: Any) -> tuple[Any, Any]:
        """Sort int64 indices of shape (count,), stably; return them and their positions, both int64 of that shape."""

    def searchsorted(self, sorted_indices: Any, values: Any) -> Any:
        """For each of some values the number of sorted indices that do not exceed it; int64, of the values' shape."""

    def any_true(self, masks: Sequence[Any]) -> bool:
        """Whether an element of some masks is true; waits for the device, once."""

    def to_host(self, array: Any) -> np.ndarray:
        """A copy of integers in the memory of the host; waits for the device."""

    def arguments(self, arguments: Sequence[Any]) -> Sequence[Any]:
        """The arguments of a kernel, with the library's arrays as Triton takes them: objects with ``data_ptr()`` and
        ``dtype``. Every array among them is detached."""

    def stream(self, like: Any) -> AbstractContextManager[Any]:
        """Launch kernels on the device of an array and in the order of the library's current stream."""

    def stream_key(self, like: Any) -> Any:
        """What tells the current stream of an array's device from other streams and devices."""

    def current_device(self, like: Any) -> AbstractContextManager[Any]:
        """Let operators, as ``array - 1``, work on the device of an array, if the library does so on a current one."""

    def capturing(self, like: Any) -> bool:
        """Whether the current stream captures a graph, so that nothing can be read back."""

    def bump_versions(self, arrays: Sequence[Any]) -> None:
        """Tell the library that arrays are about to be changed, where it counts changes."""


@lru_cache(256)
def _library_of_type(kind: Any) -> DeviceLibrary | None:
    for base in kind.__mro__:
        file = LIBRARIES.get(str(base.__module__).partition(".")[0])
        if file:
            library: DeviceLibrary = import_module(f"{__package__}.{file}")
            return library
    return None


def find_library(value: Any) -> DeviceLibrary | None:
    """The library that defines the type of a value, or a type that it derives from; None for other values."""
    kind: Any = type(value)
    return _library_of_type(kind)


def library_of(array: Any) -> DeviceLibrary:
    """The library of an array that is on a device."""
    library = find_library(array)
    assert library is not None
    return library


def on_device(value: Any) -> bool:
    """Whether a value is an array on a device that Triton compiles for."""
    # Asked at each call of an operator: without a call in between.
    kind: Any = type(value)
    library = _library_of_type(kind)
    return library is not None and library.on_device(value)


def capturing(array: Any) -> bool:
    """Whether a graph is captured on the device of an array, so that nothing can be read back."""
    return library_of(array).capturing(array)
