"""PyTorch's tensors on a device; see ``devices.DeviceLibrary``. PyTorch is imported by the caller, never here."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from .tensor_view import TensorView
from .torch_tensors import address_of, bump_versions, type_name

__all__ = [
    "any_true",
    "arange",
    "arguments",
    "as_type",
    "bump_versions",
    "capturing",
    "concatenate",
    "contiguous",
    "copy",
    "current_device",
    "describe",
    "detach",
    "empty",
    "filled",
    "full",
    "on_device",
    "searchsorted",
    "sort",
    "stream",
    "stream_key",
    "to_device",
    "to_host",
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


def as_type(tensor: Any, dtype: str) -> Any:
    return tensor.detach().to(getattr(sys.modules["torch"], dtype))


def arange(count: int, like: Any) -> Any:
    return sys.modules["torch"].arange(count, device=like.device)


def concatenate(tensors: Sequence[Any]) -> Any:
    return sys.modules["torch"].cat(list(tensors))


def filled(tensor: Any, mask: Any, value: int) -> Any:
    # Unlike torch.where, which copies the value to the device and waits.
    return tensor.masked_fill(mask, value)


def sort(indices: Any) -> tuple[Any, Any]:
    sorted_indices, positions = sys.modules["torch"].sort(indices, stable=True)
    return sorted_indices, positions


def searchsorted(sorted_indices: Any, values: Any) -> Any:
    return sys.modules["torch"].searchsorted(sorted_indices, values, right=True)


def any_true(masks: Sequence[Any]) -> bool:
    return bool(reduce(or_, [mask.any() for mask in masks]))


def to_host(tensor: Any) -> np.ndarray:
    array: np.ndarray = tensor.cpu().numpy()
    return array


def arguments(arguments: Sequence[Any]) -> Sequence[Any]:
    return arguments


def stream(like: Any) -> AbstractContextManager[Any]:
    # Triton launches on the current stream of PyTorch's current device.
    device = like.device
    if device.type == "cpu":
        return nullcontext()
    module = sys.modules["torch"].get_device_module(device)
    found: AbstractContextManager[Any] = module.device(device)
    return nullcontext() if module.current_device() == device.index else found


def stream_key(like: Any) -> Any:
    device = like.device
    if device.type == "cpu":
        return device
    return device, sys.modules["torch"].get_device_module(device).current_stream(device)


def current_device(like: Any) -> AbstractContextManager[Any]:
    # PyTorch works where its tensors are.
    return nullcontext()


def capturing(like: Any) -> bool:
    return bool(like.device.type == "cuda" and sys.modules["torch"].cuda.is_current_stream_capturing())
