"""PyTorch tensors on a device: described for checks, which look at all but their elements."""

import sys
from contextlib import nullcontext
from typing import Any

import numpy as np

from ..storage import STORAGES

# The kinds of devices that Triton compiles for, as PyTorch calls them; ROCm's are "cuda", too.
DEVICES = {"cuda", "xpu", "npu"}
# NumPy's types for PyTorch's; of the storage types that NumPy does not have, the type of their bits.
KINDS = {name: np.dtype(name) for name in ("bool", "complex64", "complex128")}
KINDS |= {f"{sign}int{bits}": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}
KINDS |= {each.name: np.dtype(each.name if each.in_numpy else each.array_type) for each in STORAGES.values()}


def on_device(value: Any) -> bool:
    """Whether a value is a tensor on a device that Triton compiles for."""
    torch = sys.modules.get("torch")
    kinds: Any = getattr(torch, "Tensor", ())
    return isinstance(value, kinds) and value.device.type in DEVICES


class TensorView:
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
        if hasattr(tensor, "to_local"):
            raise TypeError("a tensor that is spread over processes; pass its to_local()")
        if tensor.is_neg() or tensor.is_conj():
            raise TypeError("a tensor that is lazily negated or conjugated; pass its resolve_neg() or resolve_conj()")
        if tensor.numel() and not address_of(tensor):
            raise TypeError(
                "a tensor without memory of its own (one of torch.func, or a fake one); pass a plain tensor"
            )
        self.tensor, self.dtype = tensor, tensor.dtype

    @property
    def view(self) -> np.ndarray:
        """The array; of the bits for a type that NumPy does not have."""
        tensor, kind = self.tensor, KINDS.get(str(self.dtype).removeprefix("torch."))
        if kind is None:
            raise TypeError(f"a tensor of {self.dtype}, which NumPy does not know")
        if tensor.numel() == 0:
            return np.empty(tensor.shape, kind)
        return np.asarray(Interface(address_of(tensor), tuple(tensor.shape), tensor.stride(), kind))


class Interface:
    """What NumPy asks of an array in memory that it does not own."""

    def __init__(self, address: int, shape: tuple[int, ...], strides: tuple[int, ...], kind: np.dtype) -> None:
        self.__array_interface__ = {
            "version": 3,
            "data": (address, False),
            "shape": shape,
            "strides": tuple(stride * kind.itemsize for stride in strides),
            "typestr": kind.str,
        }


def address_of(tensor: Any) -> int:
    """Where a tensor's elements begin; 0 for one that has no memory."""
    try:
        return int(tensor.data_ptr())
    except RuntimeError:
        return 0


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
