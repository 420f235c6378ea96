"""Lookups of an embedding's weight, and the tensors that stand for their gradients."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .layouts import compute_dtype_of


class Lookup(NamedTuple):
    """What one lookup leaves for the gradient of a weight.

    Attributes:
        values: the gradient of what the lookup returned, one row for each bag; without ``offsets`` for each index.
        indices: the rows that were looked up, one dimension. No one else holds this memory.
        offsets: where each bag begins among the indices, without the end; None if each index is a bag of its own.
        weights: the factor of each index, in the dtype of the values; None for factors of 1. No one else holds them.
    """

    values: Tensor
    indices: Tensor
    offsets: Tensor | None = None
    weights: Tensor | None = None


class Rows(NamedTuple):
    """Gradient rows.

    Attributes:
        places: the row of the weight that each belongs to, in int64.
        values: one row for each place.
    """

    places: Tensor
    values: Tensor


def scaled(lookup: Lookup, factor: Tensor | float, divides: bool = False) -> Lookup:
    """The lookup with a gradient that is multiplied, or divided, by a number."""
    return lookup._replace(values=lookup.values / factor if divides else lookup.values * factor)


def each_moved(tensor: Any, device: torch.device, non_blocking: bool) -> Any:
    return tensor if tensor is None else tensor.to(device, non_blocking=non_blocking)


def converted(lookup: Lookup, dtype: torch.dtype, device: torch.device, non_blocking: bool) -> Lookup:
    """The lookup on a device, for a gradient of a dtype. Beside a 16-bit one, sums are still those of float32."""
    compute = compute_dtype_of(dtype)
    values, indices, offsets, weights = (each_moved(each, device, non_blocking) for each in lookup)
    if values.dtype is not dtype:
        values, weights = values.to(compute), weights if weights is None else weights.to(compute)
    return Lookup(values, indices, offsets, weights)


def bags_of(lookup: Lookup) -> Tensor | None:
    """The bag of each index; None if each index is a bag of its own."""
    if lookup.offsets is None:
        return None
    offsets = lookup.offsets.long()
    end = offsets.new_full((1,), len(lookup.indices))
    return torch.repeat_interleave(torch.cat([offsets, end]).diff(), output_size=len(lookup.indices))


def expanded(lookup: Lookup, compute: torch.dtype | None = None) -> Rows:
    """One gradient row for each index; in the compute type, or in the dtype of the values."""
    values = lookup.values.to(compute or lookup.values.dtype)
    bags = bags_of(lookup)
    if bags is not None:
        values = values.index_select(0, bags)
    if lookup.weights is not None:
        values = values * lookup.weights.to(values.dtype).reshape(-1, *[1] * (values.dim() - 1))
    return Rows(lookup.indices.long(), values)


def joined(lookups: Sequence[Lookup], compute: torch.dtype | None = None) -> Rows:
    """The gradient rows of all lookups, in the order of the lookups and of their indices."""
    rows = [expanded(each, compute) for each in lookups]
    return rows[0] if len(rows) == 1 else Rows(*(torch.cat(parts) for parts in zip(*rows, strict=True)))


def summed(places: Tensor, values: Tensor, count: int) -> Tensor:
    """The sum of the values of each place, in the order of the places, as torch sums the gradient of an embedding."""
    inner = values.shape[1:]
    flat = values.reshape(len(values), math.prod(inner))
    return torch.ops.aten.embedding_dense_backward(flat, places, count, -1, False).reshape(count, *inner)


def merged(lookups: Sequence[Lookup], dtype: torch.dtype) -> Rows:
    """The rows that lookups name, each once and in rising order, with the sums of their gradients.

    Sums are those of the compute type; they are rounded to the dtype once.
    """
    places, values = joined(lookups, compute_dtype_of(dtype))
    unique_rows, inverse = places.unique(return_inverse=True)
    return Rows(unique_rows, summed(inverse, values, len(unique_rows)).to(dtype))


def dense(lookups: Sequence[Lookup], shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """The dense gradient of lookups; there is at least one."""
    if compute_dtype_of(dtype) is dtype:
        return summed(*joined(lookups, dtype), shape[0])
    # Merged first: of a table in a 16-bit type, float32 is never made whole.
    rows = merged(lookups, dtype)
    return rows.values.new_zeros(shape).index_copy_(0, *rows)


def coo(lookups: Sequence[Lookup], shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """The uncoalesced COO gradient of lookups, one gradient row for each index; there is at least one."""
    places, values = joined(lookups)
    if values is lookups[0].values or values.dtype is not dtype:
        # No one may change the values through it.
        values = values.to(dtype, copy=True)
    return torch.sparse_coo_tensor(places[None], values, shape, check_invariants=False)
