"""PyTorch tensors on a device: described for checks, which look at all but their elements."""

import sys
from contextlib import nullcontext
from typing import Any

import numpy as np

# The kinds of devices that Triton compiles for, as PyTorch calls them; ROCm's are "cuda", too.
DEVICES = {"cuda", "xpu", "npu"}


def on_device(value: Any) -> bool:
    """Whether a value is a tensor on a device that Triton compiles for."""
    torch = sys.modules.get("torch")
    kinds: Any = getattr(torch, "Tensor", ())
    return isinstance(value, kinds) and value.device.type in DEVICES


class Described:
    """A tensor as a NumPy array of its shape, strides, type and address, whose elements must not be looked at.

    Attributes:
        tensor: the tensor.
        dtype: its type.
    """

    def __init__(self, tensor: Any) -> None:
        torch = sys.modules["torch"]
        if tensor.layout is not torch.strided:
            raise TypeError(
                f"a tensor of layout {tensor.layout}; of a sparse gradient pass _values() and _indices()[0]"
            )
        if tensor.is_neg() or tensor.is_conj():
            raise TypeError("a tensor that is lazily negated or conjugated; pass its resolve_neg() or resolve_conj()")
        self.tensor, self.dtype = tensor, tensor.dtype

    @property
    def view(self) -> np.ndarray:
        """The array; of 16-bit integers for bfloat16."""
        torch, tensor = sys.modules["torch"], self.tensor
        kind = torch.uint16 if tensor.dtype is torch.bfloat16 else tensor.dtype
        try:
            empty = torch.empty(0, dtype=kind).numpy()
        except (RuntimeError, TypeError) as error:
            raise TypeError(f"a tensor of {tensor.dtype}, which NumPy does not know") from error
        if tensor.numel() == 0:
            return np.empty(tensor.shape, empty.dtype)
        size = empty.itemsize
        return np.asarray(Interface(tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), empty.dtype.str, size))


class Interface:
    """What NumPy asks of an array in memory that it does not own."""

    def __init__(self, address: int, shape: tuple[int, ...], strides: tuple[int, ...], kind: str, size: int) -> None:
        self.__array_interface__ = {
            "version": 3,
            "data": (address, False),
            "shape": shape,
            "strides": tuple(stride * size for stride in strides),
            "typestr": kind,
        }


def current(tensor: Any) -> Any:
    """Makes a tensor's device the current one, while in the context: kernels are launched on its current stream."""
    torch = sys.modules["torch"]
    return (
        torch.get_device_module(tensor.device).device(tensor.device) if tensor.device.type != "cpu" else nullcontext()
    )


def capturing(tensor: Any) -> bool:
    """Whether what is launched on a tensor's device is captured in a graph, and nothing can be read back."""
    torch = sys.modules["torch"]
    return bool(tensor.device.type == "cuda" and torch.cuda.is_current_stream_capturing())
