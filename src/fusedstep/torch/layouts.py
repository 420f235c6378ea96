"""How parameters and gradients lie in memory, and how a kernel can walk them."""

import numpy as np
import torch
from torch import Tensor

from ..arrays.empty_table import HUGE_PAGE, empty_table
from .spread import here

PLAIN = (Tensor, torch.nn.Parameter)


def rows_of(name: str, grad: Tensor) -> tuple[Tensor, Tensor | None]:
    """A gradient's values, and of a sparse one the rows that they belong to, some perhaps named more than once.

    Raises:
        TypeError: it is sparse in another way than by rows.
    """
    if grad.layout is torch.strided:
        return grad, None
    if grad.layout is torch.sparse_coo and grad.sparse_dim() == 1:
        # As it comes: the kernel merges duplicates itself, many times faster than coalesce().
        return grad._values(), grad._indices()[0]
    kind = f"{grad.sparse_dim()} sparse dimensions" if grad.layout is torch.sparse_coo else f"layout {grad.layout}"
    raise TypeError(f"{name}: a gradient has {kind}, expected a dense one or a sparse COO one by rows (sparse_dim 1)")


def contiguous_order(param: Tensor) -> list[int] | None:
    """The order of dimensions in which a tensor is contiguous, if there is one that is not its own."""
    param = here(param)
    if param.is_contiguous():
        return None
    order = sorted(range(param.dim()), key=param.stride, reverse=True)
    return order if param.permute(order).is_contiguous() else None


def in_order(tensor: Tensor, order: list[int] | None) -> Tensor:
    """A tensor with its dimensions in another order; one that holds a number a row as it is."""
    tensor = here(tensor)
    return tensor.permute(order) if order and tensor.dim() == len(order) else tensor


def changeable(state: Tensor) -> Tensor:
    """A state that can be changed: what was made in inference mode cannot, outside."""
    return state.clone() if state.is_inference() else state


def alike(param: Tensor, state: Tensor, order: list[int] | None) -> Tensor:
    """A state that is contiguous where its parameter is, and of a type that goes with the parameter's: copied, if it
    was made for other strides, or another type, or is sparse."""
    # torch's momentum of sparse gradients is sparse.
    state = changeable(state if state.layout is torch.strided else state.to_dense())
    if state.is_floating_point() and (state.dtype is torch.float64) != (param.dtype is torch.float64):
        # float64 goes only with float64: weights were converted, or the checkpoint is of others.
        state = state.to(torch.promote_types(param.dtype, torch.float32))
    if in_order(state, order).is_contiguous():
        return state
    return torch.empty_like(param, dtype=state.dtype).copy_(state)


def filled_like(param: Tensor, value: float, dtype: torch.dtype) -> Tensor:
    """A new state that lies as its parameter does, all of it one value; a large one on huge pages."""
    size = param.numel() * dtype.itemsize
    if type(param) not in PLAIN or not param.is_contiguous() or param.device.type != "cpu" or size < HUGE_PAGE:
        return torch.full_like(param, value, dtype=dtype, memory_format=torch.preserve_format)
    return torch.from_numpy(empty_table(size, np.uint8)).view(dtype).view(param.shape).fill_(value)
