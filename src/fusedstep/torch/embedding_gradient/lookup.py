"""What one lookup leaves for the gradient of a weight."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...arrays.devices import on_device
from ..layouts import compute_dtype_of


class Lookup(NamedTuple):
    """What one lookup leaves for the gradient of a weight.

    Attributes:
        values: the gradient of what the lookup returned, one row for each bag; without ``offsets`` for each index.
        indices: the rows that were looked up, one dimension. No one else holds this memory. On a device -1 stands for
            an index that takes no part: to leave it out would wait.
        offsets: where each bag begins among the indices, without the end; None if each index is a bag of its own.
        weights: the factor of each index, in the dtype of the values; None for factors of 1. No one else holds them.
    """

    values: Tensor
    indices: Tensor
    offsets: Tensor | None = None
    weights: Tensor | None = None


def selected(lookup: Lookup, remains: Tensor) -> Lookup:
    """The lookup with some of its indices: a bag has fewer, or none. On a device this waits for their number."""
    values, indices, offsets, weights = lookup
    before = pad(remains.cumsum(0), (1, 0))
    offsets = before[:-1] if offsets is None else before[offsets.long()]
    return Lookup(values, indices[remains], offsets, weights if weights is None else weights[remains])


def named(lookup: Lookup) -> Lookup:
    """The lookup without the indices that take no part, of which there are some on a device only; waits for it."""
    return selected(lookup, lookup.indices >= 0) if on_device(lookup.indices) else lookup


def scaled(lookup: Lookup, factor: Tensor | float, divides: bool = False) -> Lookup:
    """The lookup with a gradient that is multiplied, or divided, by a number."""
    return lookup._replace(values=lookup.values / factor if divides else lookup.values * factor)


def each_moved(tensor: Any, device: torch.device, non_blocking: bool) -> Any:
    return tensor if tensor is None else tensor.to(device, non_blocking=non_blocking)


def converted(lookup: Lookup, dtype: torch.dtype, device: torch.device, non_blocking: bool) -> Lookup:
    """The lookup on a device, for a gradient of a dtype. Beside a 16-bit one, sums are still those of float32."""
    compute = compute_dtype_of(dtype)
    if device != lookup.indices.device:
        lookup = named(lookup)
    values, indices, offsets, weights = (each_moved(each, device, non_blocking) for each in lookup)
    if values.dtype is not dtype:
        values, weights = values.to(compute), weights if weights is None else weights.to(compute)
    return Lookup(values, indices, offsets, weights)


def counts_of(offsets: Tensor, count: int) -> Tensor:
    """The number of indices of each bag, of ``count`` indices."""
    return pad(offsets, (0, 1), value=count).diff()


def counts_that_remain(offsets: Tensor, remains: Tensor) -> Tensor:
    """The number of indices of each bag that remain."""
    before = pad(remains.cumsum(0), (1, 0))
    return before[pad(offsets, (0, 1), value=len(remains)).long()].diff()


def bag_of_each(lookup: Lookup) -> Tensor | None:
    """The bag of each index; None if each index is a bag of its own."""
    if lookup.offsets is None:
        return None
    count = len(lookup.indices)
    return torch.repeat_interleave(counts_of(lookup.offsets, count).long(), output_size=count)
