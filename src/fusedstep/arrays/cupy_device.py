"""CuPy's arrays; see ``devices.DeviceLibrary``. CuPy is imported by the caller, never here."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

import numpy as np

from .tensor_view import TensorView

ARRAY = "a CuPy array"


def on_device(array: Any) -> bool:
    return isinstance(array, sys.modules["cupy"].ndarray)


def describe(array: Any) -> TensorView:
    strides = [divmod(stride, array.itemsize) for stride in array.strides]
    if any(rest for _, rest in strides):
        raise TypeError("an array whose elements are not a whole number of elements apart; pass its copy()")
    return TensorView(array.data.ptr, array.shape, tuple(stride for stride, _ in strides), array.dtype.name)


def detach(array: Any) -> Any:
    return array


def contiguous(array: Any) -> Any:
    return array if array.flags.c_contiguous else copy(array)


def copy(array: Any) -> Any:
    with array.device:
        return array.copy()


def empty(shape: tuple[int, ...], dtype: str, like: Any) -> Any:
    with like.device:
        return sys.modules["cupy"].empty(shape, dtype)


def full(shape: tuple[int, ...], value: int, dtype: str, like: Any) -> Any:
    with like.device:
        return sys.modules["cupy"].full(shape, value, dtype)


def to_device(array: np.ndarray, like: Any) -> Any:
    with like.device:
        # CuPy copies through pinned memory, and does not wait.
        return sys.modules["cupy"].array(array)


def as_type(array: Any, dtype: str) -> Any:
    with array.device:
        return array.astype(dtype, copy=False)


def arange(count: int, like: Any) -> Any:
    with like.device:
        return sys.modules["cupy"].arange(count, dtype="int64")


def concatenate(arrays: Sequence[Any]) -> Any:
    with arrays[0].device:
        return sys.modules["cupy"].concatenate(list(arrays))


def filled(array: Any, mask: Any, value: int) -> Any:
    with array.device:
        return sys.modules["cupy"].where(mask, value, array)


def sort(indices: Any) -> tuple[Any, Any]:
    if not indices.size:
        return indices, indices
    with indices.device:
        # CuPy has no other sort than a stable one.
        positions = sys.modules["cupy"].argsort(indices)
        return indices[positions], positions


def searchsorted(sorted_indices: Any, values: Any) -> Any:
    if not sorted_indices.size:
        return full(values.shape, 0, "int64", values)
    with values.device:
        return sys.modules["cupy"].searchsorted(sorted_indices, values, side="right")


def any_true(masks: Sequence[Any]) -> bool:
    with masks[0].device:
        return bool(reduce(or_, [mask.any() for mask in masks]))


def to_host(array: Any) -> np.ndarray:
    copied: np.ndarray = array.get()
    return copied


class Pointer:
    """An array as Triton takes it.

    Attributes:
        array: the array, kept alive.
        dtype: the name of its type.
    """

    def __init__(self, array: Any) -> None:
        self.array, self.dtype = array, array.dtype.name

    def data_ptr(self) -> int:
        """The address of the first element."""
        return int(self.array.data.ptr)


def arguments(arguments: Sequence[Any]) -> Sequence[Any]:
    return [Pointer(each) if on_device(each) else each for each in arguments]


def triton_stream(device: int) -> int:
    """The stream on which Triton launches: PyTorch's current one, or the default one where PyTorch is not imported."""
    from triton.runtime import driver

    return int(driver.active.get_current_stream(device))


class StreamHandle(NamedTuple):
    """A stream by its address, as the CUDA stream protocol has it."""

    address: int

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.address


def external_stream(cuda: Any, address: int, device: int) -> Any:
    """CuPy's stream for a stream that another library has made."""
    if hasattr(cuda.Stream, "from_external"):
        return cuda.Stream.from_external(StreamHandle(address))
    # Before CuPy 14.
    return cuda.ExternalStream(address, device)


@contextmanager
def stream(like: Any) -> Iterator[None]:
    cuda = sys.modules["cupy"].cuda
    with like.device:
        own = cuda.get_current_stream()
        if own.is_capturing():
            raise RuntimeError("a graph of CuPy's cannot capture kernels; pass PyTorch tensors, and use PyTorch's")
        found = triton_stream(like.device.id)
        if found == own.ptr:
            yield
            return
        # CuPy's work in between goes to the stream of the kernels. Before and after it, one stream waits for the other.
        launching = external_stream(cuda, found, like.device.id) if found else cuda.Stream.null
        launching.wait_event(own.record())
        try:
            with launching:
                yield
        finally:
            own.wait_event(launching.record())


def stream_key(like: Any) -> Any:
    with like.device:
        return like.device.id, sys.modules["cupy"].cuda.get_current_stream().ptr


def current_device(like: Any) -> AbstractContextManager[Any]:
    found: AbstractContextManager[Any] = like.device
    return found


def capturing(like: Any) -> bool:
    with like.device:
        return bool(sys.modules["cupy"].cuda.get_current_stream().is_capturing())


def bump_versions(arrays: Sequence[Any]) -> None:
    """CuPy counts no changes."""
