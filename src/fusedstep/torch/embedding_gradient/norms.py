"""Norms of an embedding's gradient, from the rows that lookups name."""

from typing import Any

import torch
from torch import Tensor

from ...arrays.devices import on_device
from .answers import answers, aten
from .content import Content
from .sums import merged, padded_sums


def numbers_for_norm(content: Content, order: Any) -> Tensor:
    """The numbers whose norm is that of the gradient: of rows that no lookup names, nothing or one zero."""
    lookups, form = content.lookups, content.form
    # With a negative order, and for what is undefined of an empty tensor, zeros count.
    if content.beside is not None or not form.shape.numel() or float(order) < 0:
        return content.fresh_dense() if content.is_coo else content.plain()
    if not lookups:
        return torch.zeros(1, dtype=form.dtype, device=form.device)
    # Zeros count for nothing here: where the rows are, no one waits to know.
    there = on_device(lookups[0].indices)
    values = (padded_sums(lookups, form.dtype) if there else merged(lookups, form.shape, form.dtype)).values
    return values if values.numel() else values.new_zeros(1)


@answers(aten.linalg_vector_norm.default)
def vector_norm(content: Content, order: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    dims = len(content.form.shape)
    if keepdim or (dim is not None and {each % dims for each in dim} != set(range(dims)) and len(dim)):
        return NotImplemented
    return torch.linalg.vector_norm(numbers_for_norm(content, order), order, dtype=dtype)


@answers(aten.norm.Scalar, aten.norm.ScalarOpt_dtype)
def norm(content: Content, p: Any = 2, *, dtype: Any = None) -> Any:
    return vector_norm(content, 2 if p is None else p, dtype=dtype)


@answers(aten.norm.ScalarOpt_dim, aten.norm.ScalarOpt_dim_dtype)
def norm_along(content: Content, p: Any, dim: Any, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return vector_norm(content, 2 if p is None else p, dim, keepdim, dtype=dtype)
