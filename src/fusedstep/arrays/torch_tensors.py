"""PyTorch's tensors on the CPU. PyTorch is imported by the caller, never here."""

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, NoReturn

import numpy as np

from .address import view_at
from .tensor_view import KINDS, NOT_IN_NUMPY


def is_tensor(value: Any) -> bool:
    """Whether a value is a PyTorch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, getattr(torch, "Tensor", ()))


@cache
def not_in_numpy(dtype: Any) -> str | None:
    """The storage type for a type of PyTorch's that NumPy does not have; None for other types."""
    name = type_name(dtype)
    return name if name in NOT_IN_NUMPY else None


def borrow(tensor: Any) -> Any:
    """A NumPy view of a tensor's memory; of the bits for a type that NumPy does not have.

    Raises:
        TypeError: the tensor has no memory that NumPy can use: another device, sparse, quantized, lazily conjugated.
    """
    torch = sys.modules["torch"]
    if tensor.layout is not torch.strided:
        raise TypeError(f"a tensor of layout {tensor.layout}; of a sparse gradient pass _values() and _indices()[0]")
    if tensor.is_nested:
        raise TypeError("a nested tensor; pass one of its tensors, or its values()")
    kind = kind_of(tensor.dtype)
    if not tensor.is_cpu:
        unusable(tensor, "it is not in the CPU's memory")
    if kind is None:
        unusable(tensor, f"NumPy has no {tensor.dtype}")
    if tensor.is_neg() or tensor.is_conj():
        unusable(tensor, "it is lazily negated or conjugated; resolve_neg() or resolve_conj() makes it plain")
    if not tensor.numel():
        return np.empty(tuple(tensor.shape), kind)
    try:
        # Before the address: another thread may replace the memory of the tensor at any time.
        storage = tensor.untyped_storage()
    except (RuntimeError, NotImplementedError):
        storage = None
    address = address_of(tensor)
    if storage is None or not address:
        unusable(tensor, "it has no memory")
    strides = None if tensor.is_contiguous() else tensor.stride()
    return view_at(address, storage, tuple(tensor.shape), strides, kind)


@cache
def kind_of(dtype: Any) -> np.dtype | None:
    """NumPy's type for a type of PyTorch's; that of the bits for a storage type that NumPy does not have."""
    return KINDS.get(type_name(dtype))


def type_name(dtype: Any) -> str:
    """The name of a type of PyTorch's: "float32"."""
    return str(dtype).removeprefix("torch.")


def address_of(tensor: Any) -> int:
    """The address of a tensor's first element; 0 if it has no memory."""
    try:
        return int(tensor.data_ptr())
    except RuntimeError:
        return 0


def unusable(tensor: Any, why: str) -> NoReturn:
    raise TypeError(f"a tensor on {tensor.device} whose memory NumPy cannot use ({why}); pass a plain CPU tensor")


def new_like(tensor: Any) -> Any:
    """A new contiguous tensor of the same shape, type and device."""
    torch = sys.modules["torch"]
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)


def bump_versions(arrays: Sequence[Any]) -> None:
    """Raise the version counters of the tensors among some arrays, so that autograd notices the change."""
    tensor_type = sys.modules["torch"].Tensor
    tensors = [array for array in arrays if isinstance(array, tensor_type)]
    if tensors:
        increment_version(tensors)


def increment_version(tensors: Sequence[Any]) -> None:
    """Raise the version counters of tensors. Those of inference mode have none and are left out."""
    sys.modules["torch"].autograd.graph.increment_version(tensors)
