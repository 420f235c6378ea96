"""How parameters and gradients lie in memory, and how a kernel can walk them."""

import torch
from torch import Tensor


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
    if param.is_contiguous():
        return None
    order = sorted(range(param.dim()), key=param.stride, reverse=True)
    return order if param.permute(order).is_contiguous() else None


def alike(param: Tensor, state: Tensor) -> Tensor:
    """A state of the parameter's shape, copied into the parameter's strides if its own are others."""
    if state.stride() == param.stride() or not state.dim():
        return state
    return torch.empty_like(param, dtype=state.dtype).copy_(state)
