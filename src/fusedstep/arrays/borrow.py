"""Borrow the memory of an array: of NumPy, PyTorch, MindSpore, DLPack, the array interface or the buffer protocol."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..storage import STORAGES
from . import mindspore_tensors, torch_tensors
from .devices import library_of, on_device
from .tensor_view import NOT_IN_NUMPY, TensorView

# The storage types by NumPy's types; those of ml_dtypes are added when the first array of one comes.
BY_DTYPE: dict[Any, str] = {np.dtype(each.name): each.name for each in STORAGES.values() if each.in_numpy}
# NumPy's types of the bits of the narrow types.
BITS = {each.name: np.dtype(each.array_type) for each in STORAGES.values() if each.is_narrow}
# DLPack's number of the host's memory.
DLPACK_CPU = 1


def borrow(array: Any) -> Any:
    """A NumPy view of an array's memory; of the bits for a tensor of a type that NumPy does not have.

    Raises:
        TypeError: the object is not an array, or its memory cannot be borrowed.
    """
    if type(array) is np.ndarray:
        return array
    if isinstance(array, TensorView):
        return array.view
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError("a masked array, whose mask would be ignored; pass its .data")
    if isinstance(array, np.ndarray):
        return array.view(np.ndarray)
    if torch_tensors.is_tensor(array):
        return torch_tensors.borrow(array)
    if mindspore_tensors.is_tensor(array):
        return mindspore_tensors.borrow(array)
    if mindspore_tensors.is_sparse(array):
        raise TypeError(
            f"a {type(array).__name__}, which has several parts; pass its values as gradient, and its indices"
        )
    if not isinstance(array, np.generic | str | bytes):
        if hasattr(array, "__array_interface__"):
            return borrow_interface(array)
        if hasattr(array, "__dlpack__"):
            return borrow_dlpack(array)
        try:
            return np.asarray(memoryview(array))
        except (TypeError, ValueError):
            pass
    raise TypeError(f"{kind(array)}, which is no array; pass a NumPy array or a PyTorch tensor")


def lends_memory(value: Any) -> bool:
    """Whether a value is of a kind that ``borrow`` takes, even if it refuses this one."""
    if isinstance(value, np.ndarray | np.generic | TensorView) or hasattr(value, "__array_interface__"):
        return True
    if torch_tensors.is_tensor(value) or mindspore_tensors.is_tensor(value):
        return True
    if hasattr(value, "__dlpack__"):
        # Arrow's arrays lend theirs only where no value is missing, and can be copied in any case.
        return not (hasattr(value, "__array__") and in_host_memory(value))
    try:
        memoryview(value)
    except TypeError:
        return False
    return True


def in_host_memory(value: Any) -> bool:
    """Whether DLPack says that an array is in the host's memory."""
    try:
        return bool(value.__dlpack_device__()[0] == DLPACK_CPU)
    except (AttributeError, RuntimeError, TypeError, ValueError):
        # It has no memory, as a tracer.
        return False


def borrow_interface(array: Any) -> np.ndarray:
    """A NumPy view through the array interface."""
    try:
        return np.asarray(array)
    except (RuntimeError, ValueError, TypeError) as error:
        raise TypeError(f"{kind(array)}, whose memory NumPy cannot use ({error}); pass a NumPy array") from error


def borrow_dlpack(array: Any) -> np.ndarray:
    """A NumPy view through DLPack."""
    try:
        return np.from_dlpack(array)
    except (BufferError, RuntimeError, ValueError, TypeError) as error:
        raise TypeError(f"{kind(array)}, whose memory NumPy cannot use ({error}); pass a CPU array") from error


def new_like(array: Any) -> Any:
    """A new array of the same library, device, shape and type, with arbitrary elements."""
    if on_device(array):
        library = library_of(array)
        described = library.describe(array)
        return library.empty(described.shape, described.dtype, array)
    if torch_tensors.is_tensor(array):
        return torch_tensors.new_like(array)
    if mindspore_tensors.is_tensor(array):
        return mindspore_tensors.new_like(array)
    view = borrow(array)
    return np.empty(view.shape, view.dtype.newbyteorder("="))


def storage_of(array: Any, view: np.ndarray) -> str | None:
    """The storage type of a borrowed array; None if it is not a storage type."""
    storage = BY_DTYPE.get(view.dtype)
    if storage is None:
        storage = not_in_numpy(array)
        if storage is None and view.dtype.name in STORAGES and view.dtype.isnative:
            storage = BY_DTYPE[view.dtype] = view.dtype.name
    return storage


def holds_integers(array: Any, view: np.ndarray) -> bool:
    """Whether the elements of a borrowed array are integers, and not the bits of something else."""
    return view.dtype.kind in "iu" and not not_in_numpy(array)


def not_in_numpy(array: Any) -> str | None:
    """The storage type of an array that is borrowed as bits; None for other arrays."""
    if isinstance(array, TensorView):
        return array.dtype if array.dtype in NOT_IN_NUMPY else None
    if torch_tensors.is_tensor(array):
        return torch_tensors.not_in_numpy(array.dtype)
    return mindspore_tensors.not_in_numpy(array.dtype) if mindspore_tensors.is_tensor(array) else None


def dtype_name(array: Any, view: np.ndarray) -> str:
    """The name of an array's type, as its library has it."""
    if isinstance(array, TensorView):
        return array.dtype
    if torch_tensors.is_tensor(array):
        return torch_tensors.type_name(array.dtype)
    if mindspore_tensors.is_tensor(array):
        return mindspore_tensors.type_name(array.dtype)
    name = view.dtype.name
    return name if view.dtype.isnative else f"byte-swapped {name}"


def bump_versions(arrays: Sequence[Any]) -> None:
    """Raise the version counters of the PyTorch tensors among arrays that are about to be changed.

    Before the change, so that no interrupt can come between the two.
    """
    if sys.modules.get("torch"):
        torch_tensors.bump_versions(arrays)


def kind(value: Any) -> str:
    """The kind of a value, for a message."""
    return "None" if value is None else f"of type {type(value).__name__}"
