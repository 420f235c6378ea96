"""Memory layouts of parameters, states and gradients that a kernel can read."""

import sys
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays.empty_table import HUGE_PAGE, empty_table
from ..codegen.rule.axes import reduced_shape
from ..storage import compute_type
from .distributed import PLAIN, is_distributed, to_local


def has_numbers(tensor: Tensor) -> bool:
    """Return whether a tensor holds numbers: it is neither a fake nor a meta tensor."""
    if tensor.is_meta or type(tensor) in PLAIN:
        return not tensor.is_meta
    fake = sys.modules.get("torch._subclasses.fake_tensor")
    return fake is None or not isinstance(tensor, fake.FakeTensor)


def is_intercepted(tensor: Tensor) -> bool:
    """Return whether a tensor's type or a transformation intercepts its operations, so that kernels cannot step it."""
    if type(tensor) not in PLAIN and type(tensor).__torch_dispatch__ is not torch._C._disabled_torch_dispatch_impl:
        return True
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(tensor))


def contiguous_order(param: Tensor) -> list[int] | None:
    """Return the order of dimensions in which a tensor is contiguous; None for its own order, or if there is none."""
    param = to_local(param)
    if param.is_contiguous():
        return None
    order = sorted(range(param.dim()), key=param.stride, reverse=True)
    return order if param.permute(order).is_contiguous() else None


def permuted(tensor: Tensor, order: list[int] | None) -> Tensor:
    """Permute a tensor's dimensions; a state with one number a row stays as it is."""
    tensor = to_local(tensor)
    return tensor.permute(order) if order and tensor.dim() == len(order) else tensor


def without_inference(state: Tensor) -> Tensor:
    """Copy a state that was created in inference mode, which cannot be changed outside."""
    return state.clone() if state.is_inference() else state


def like_param(param: Tensor, state: Tensor, order: list[int] | None) -> Tensor:
    """Return a state whose strides and dtype suit its parameter; copy it where they do not, or where it is sparse."""
    # torch keeps the momentum of sparse gradients sparse.
    state = without_inference(state if state.layout is torch.strided else state.to_dense())
    state = as_compute_type(state, compute_dtype(param))
    if permuted(state, order).is_contiguous():
        return state
    packed = torch.preserve_format if order else torch.contiguous_format
    return torch.empty_like(param, dtype=state.dtype, memory_format=packed).copy_(state)


def like_rows(param: Tensor, state: Tensor) -> Tensor:
    """Return a state with one real number a row or column, in a dtype that suits its parameter."""
    return as_compute_type(without_inference(state), compute_dtype(param).to_real())


def as_compute_type(state: Tensor, compute: torch.dtype) -> Tensor:
    """Convert a state that does not go with its parameter: the weights were converted, or came from a checkpoint.

    float64 is used only with float64, and complex numbers with complex numbers.
    """
    if state.dtype is compute:
        return state
    fits = is_double(state.dtype) == is_double(compute) and state.dtype.is_complex == compute.is_complex
    return state if fits else state.to(compute)


def is_double(dtype: torch.dtype) -> bool:
    """Return whether a dtype has 64 bits for a real number."""
    return bool(dtype.to_real() is torch.float64)


def compute_dtype(param: Tensor) -> torch.dtype:
    """Return the dtype in which a parameter's steps are computed; that of a complex one is complex."""
    return compute_dtype_of(param.dtype)


@cache
def compute_dtype_of(dtype: torch.dtype) -> torch.dtype:
    name = compute_type(str(dtype.to_real()).removeprefix("torch."))
    real = torch.float64 if name == "float64" else torch.float32
    return real.to_complex() if dtype.is_complex else real


def full_like(param: Tensor, value: float, dtype: torch.dtype) -> Tensor:
    """Create a state with its parameter's layout, filled with one value; a large one is on huge pages.

    A complex state has the value in both parts, as torch's.
    """
    filled: Any = complex(value, value) if dtype.is_complex else value
    size = param.numel() * dtype.itemsize
    if type(param) in PLAIN and not param.is_contiguous() and not contiguous_order(param):
        return torch.full_like(param, filled, dtype=dtype, memory_format=torch.contiguous_format)
    if type(param) not in PLAIN or not param.is_contiguous() or param.device.type != "cpu" or size < HUGE_PAGE:
        return torch.full_like(param, filled, dtype=dtype, memory_format=torch.preserve_format)
    return torch.from_numpy(empty_table(size, np.uint8)).view(dtype).view(param.shape).fill_(filled)


def has_rows(tensor: Tensor) -> bool:
    """Return whether a tensor's rows are contiguous each, and follow one another."""
    if tensor.is_contiguous() or not tensor.numel():
        return True
    first = tensor[0]
    return bool(first.is_contiguous() and tensor.stride(0) >= first.numel())


def full_reduced(param: Any, value: float, dtype: torch.dtype, kind: str, matrices: bool) -> Tensor:
    """Create a state with one number a row or column, in the placements of its parameter's rows."""
    local = to_local(param)
    # A subclass of torch.Tensor makes one of its own kind.
    part = local.new_full(reduced_shape(kind, tuple(local.shape), matrices), value, dtype=dtype)
    if not is_distributed(param):
        return part
    # The whole shape is known; a check would wait for the other processes.
    dtensor: Any = type(param)
    shape = torch.Size(reduced_shape(kind, tuple(param.shape), matrices))
    strides = torch.empty(shape, device="meta").stride()
    made: Tensor = dtensor.from_local(
        part, param.device_mesh, param.placements, run_check=False, shape=shape, stride=strides
    )
    return made
