"""PyTorch tensors on the CPU, for callers who have imported torch; it is never imported here."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .device_tensors import Described


def is_tensor(value: Any) -> bool:
    """Whether a value is a PyTorch tensor, or describes one."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, (getattr(torch, "Tensor", Described), Described))


def is_bfloat16(tensor: Any) -> bool:
    """Whether a tensor's elements are bfloat16."""
    return tensor.dtype is sys.modules["torch"].bfloat16


def borrow(tensor: Any) -> Any:
    """A NumPy view of a tensor's memory; bfloat16 as 16-bit integers.

    Raises:
        TypeError: the tensor has no memory that NumPy can use: another device, sparse, quantized, lazily conjugated.
    """
    if isinstance(tensor, Described):
        return tensor.view
    torch = sys.modules["torch"]
    if tensor.layout is not torch.strided:
        raise TypeError(f"a tensor of layout {tensor.layout}; of a sparse gradient pass _values() and _indices()[0]")
    try:
        detached = tensor.detach() if tensor.requires_grad else tensor
        if detached.dtype is torch.bfloat16:
            return detached.view(torch.int16).numpy().view(np.uint16)
        return detached.numpy()
    except (RuntimeError, TypeError) as error:
        raise TypeError(
            f"a tensor on {tensor.device} whose memory NumPy cannot use ({str(error).splitlines()[0]}); "
            "pass a plain CPU tensor"
        ) from error


def new_like(tensor: Any) -> Any:
    """A new contiguous tensor of a tensor's shape and type."""
    torch = sys.modules["torch"]
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)


def about_to_write(arrays: Sequence[Any]) -> None:
    """Raises the version counters of the tensors among some arrays, so that autograd notices the change."""
    torch = sys.modules["torch"]
    tensors = [array for array in arrays if isinstance(array, torch.Tensor) and not array.is_inference()]
    if tensors:
        torch.autograd.graph.increment_version(tensors)
