"""MindSpore's tensors on the CPU. MindSpore is imported by the caller, never here."""

import sys
from functools import cache
from typing import Any

import numpy as np

from .address import view_at
from .tensor_view import KINDS, NOT_IN_NUMPY

SPARSE = ("RowTensorInner", "COOTensor", "CSRTensor")


def library() -> Any:
    """MindSpore, if the caller has imported it; None also if its name is an alias of ``fusedstep.mindspore``."""
    found = sys.modules.get("mindspore")
    return found if getattr(found, "__name__", "") == "mindspore" else None


def is_tensor(value: Any) -> bool:
    """Whether a value is a MindSpore tensor or parameter."""
    return isinstance(value, getattr(library(), "Tensor", ()))


def is_sparse(value: Any) -> bool:
    """Whether a value is one of MindSpore's sparse tensors, which have several parts."""
    sparse = sys.modules.get("mindspore.common.sparse_tensor")
    return sparse is not None and isinstance(value, tuple(getattr(sparse, name, ()) for name in SPARSE))


def borrow(tensor: Any) -> np.ndarray:
    """A NumPy view of a tensor's memory; of the bits for a type that NumPy does not have.

    ``asnumpy()`` of a view of another tensor is a copy; the memory of any tensor is at its address.

    Raises:
        TypeError: the tensor has no memory that NumPy can use.
    """
    kind = kind_of(tensor.dtype)
    if tensor.device != "CPU":
        raise TypeError(f"a tensor on {tensor.device}, whose memory NumPy cannot use; pass a tensor on the CPU")
    if kind is None:
        raise TypeError(f"a tensor of {type_name(tensor.dtype)}, whose memory NumPy cannot use")
    shape = tuple(tensor.shape)
    if 0 in shape:
        return np.empty(shape, kind)
    if tensor.has_init:
        raise TypeError("a tensor without data; call its init_data() first")
    # Before the address: another thread may replace the memory of a parameter at any time.
    storage = tensor.untyped_storage()
    # This waits for the operators that MindSpore has not run yet: they may read or write this memory.
    address = tensor.data_ptr()
    strides = None if tensor.is_contiguous() else tuple(tensor.stride())
    return view_at(address, storage, shape, strides, kind)


def place_of(tensor: Any) -> tuple[Any, ...]:
    """What is equal as long as a tensor has the same memory; cheaper than ``borrow``. It waits as that does."""
    # The elements of one memory may lie in another order: `p.set_data(p.T)`.
    strides = None if tensor.is_contiguous() else tensor.stride()
    return tensor.data_ptr(), tensor.shape, strides, tensor.dtype


@cache
def kind_of(dtype: Any) -> np.dtype | None:
    """NumPy's type for a type of MindSpore's; that of the bits for a storage type that NumPy does not have."""
    return KINDS.get(type_name(dtype))


@cache
def not_in_numpy(dtype: Any) -> str | None:
    """The storage type for a type of MindSpore's that NumPy does not have; None for other types."""
    name = type_name(dtype)
    return name if name in NOT_IN_NUMPY else None


def type_name(dtype: Any) -> str:
    """The name of a type of MindSpore's: "float32"."""
    return str(dtype).lower()


def new_like(tensor: Any) -> Any:
    """A new contiguous tensor of the same shape and type."""
    return library().ops.zeros(tensor.shape, tensor.dtype)
