"""PyTorch's tensors on a device; see ``devices.DeviceLibrary``. PyTorch is imported by the caller, never here."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from .tensor_view import TensorView
from .torch_tensors import address_of, bump_versions, type_name

__all__ = [
    "arguments",
    "as_int64",
    "bump_versions",
    "capturing",
    "contiguous",
    "copy",
    "describe",
    "detach",
    "empty",
    "first_outside",
    "full",
    "max_into",
    "on_device",
    "searchsorted",
    "sort",
    "stream",
    "sum_into",
    "to_device",
]

ARRAY = "a PyTorch tensor"
# The kinds of devices that Triton compiles for, as PyTorch names them; ROCm's are "cuda", too.
DEVICES = {"cuda", "xpu", "npu"}


def on_device(tensor: Any) -> bool:
    # Types of PyTorch's other than tensors are asked about, too.
    return isinstance(tensor, sys.modules["torch"].Tensor) and tensor.device.type in DEVICES


def describe(tensor: Any) -> TensorView:
    torch = sys.modules["torch"]
    if tensor.layout is not torch.strided:
        raise TypeError(f"a tensor of layout {tensor.layout}; of a sparse gradient pass _values() and _indices()[0]")
    if hasattr(tensor, "to_local"):
        raise TypeError("a tensor that is spread over processes; pass its to_local()")
    if tensor.is_neg() or tensor.is_conj():
        raise TypeError("a tensor that is lazily negated or conjugated; pass its resolve_neg() or resolve_conj()")
    address = address_of(tensor)
    if tensor.numel() and not address:
        raise TypeError("a tensor without memory (one of torch.func, or a fake one); pass a plain tensor")
    return TensorView(address, tuple(tensor.shape), tensor.stride(), type_name(tensor.dtype))


def detach(tensor: Any) -> Any:
    return tensor.detach()


def contiguous(tensor: Any) -> Any:
    return tensor.detach().contiguous()


def copy(tensor: Any) -> Any:
    return tensor.clone()


def empty(shape: tuple[int, ...], dtype: str, like: Any) -> Any:
    # Of the tensor, not of PyTorch's default device.
    return like.new_empty(shape, dtype=getattr(sys.modules["torch"], dtype))


def full(shape: tuple[int, ...], value: int, dtype: str, like: Any) -> Any:
    return like.new_full(shape, value, dtype=getattr(sys.modules["torch"], dtype))


def to_device(array: np.ndarray, like: Any) -> Any:
    tensor = sys.modules["torch"].from_numpy(np.ascontiguousarray(array))
    return tensor if like.device.type == "cpu" else tensor.pin_memory().to(like.device, non_blocking=True)


def as_int64(indices: Any) -> Any:
    return indices.long()


def sort(indices: Any) -> tuple[Any, Any]:
    sorted_indices, positions = sys.modules["torch"].sort(indices, stable=True)
    return sorted_indices, positions


def searchsorted(sorted_indices: Any, values: Any) -> Any:
    return sys.modules["torch"].searchsorted(sorted_indices, values, right=True)


def sum_into(out: Any, tensor: Any, axis: int | None) -> None:
    out.copy_(tensor.sum() if axis is None else tensor.sum(dim=axis))


def max_into(out: Any, tensor: Any, axis: int | None) -> None:
    out.copy_(tensor.amax() if axis is None else tensor.amax(dim=axis))


def first_outside(indices: Any, rows: int) -> tuple[int, int] | None:
    outside = (indices < 0) | (indices >= rows)
    if not bool(outside.any()):
        return None
    place = int(outside.nonzero()[0])
    return place, int(indices[place])


def arguments(arguments: Sequence[Any]) -> Sequence[Any]:
    return arguments


def stream(like: Any) -> AbstractContextManager[Any]:
    # Triton launches on the current stream of PyTorch's current device.
    if like.device.type == "cpu":
        return nullcontext()
    found: AbstractContextManager[Any] = sys.modules["torch"].get_device_module(like.device).device(like.device)
    return found


def capturing(like: Any) -> bool:
    return bool(like.device.type == "cuda" and sys.modules["torch"].cuda.is_current_stream_capturing())
