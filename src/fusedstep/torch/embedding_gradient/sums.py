"""The gradients of lookups as plain tensors: a row for each index, merged rows, dense and COO."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from ...arrays.devices import on_device
from ...operators.bags import BagGradient, Bags
from ...operators.merged_rows import merge_rows
from ...storage import STORAGES
from ..layouts import compute_dtype_of, has_numbers, is_intercepted
from .lookup import Lookup, bag_of_each, named

# The dtypes of which kernels read and write the elements, and their names.
STORAGE_OF = {getattr(torch, name): name for name in STORAGES}


class Rows(NamedTuple):
    """Gradient rows.

    Attributes:
        places: the row of the weight that each belongs to, in int64.
        values: one row for each place.
    """

    places: Tensor
    values: Tensor


def expanded(lookup: Lookup, compute: torch.dtype | None = None) -> Rows:
    """One gradient row for each index; in the compute type, or in the dtype of the values."""
    values = lookup.values.to(compute or lookup.values.dtype)
    bags = bag_of_each(lookup)
    if bags is not None:
        values = values.index_select(0, bags)
    if lookup.weights is not None:
        values = values * lookup.weights.to(values.dtype).reshape(-1, *[1] * (values.dim() - 1))
    return Rows(lookup.indices.long(), values)


def joined(lookups: Sequence[Lookup]) -> Rows:
    """The gradient rows of all lookups, in the order of the lookups and of their indices; on a device this waits."""
    rows = [expanded(named(each)) for each in lookups]
    return rows[0] if len(rows) == 1 else Rows(*(torch.cat(parts) for parts in zip(*rows, strict=True)))


def merged(lookups: Sequence[Lookup], shape: torch.Size, dtype: torch.dtype) -> Rows:
    """The rows that lookups name, each once and in rising order, with the sums of their gradients.

    Sums are those of the compute type, in the order of the indices; they are rounded to the dtype once.

    Args:
        lookups: the lookups; there is at least one.
        shape, dtype: those of the weight.
    """
    values = [each.values for each in lookups]
    if dtype in STORAGE_OF and all(on_host(each) and not each.is_complex() for each in values):
        return merged_by_kernels(lookups, shape, dtype)
    return merged_by_torch(lookups, dtype)


def on_host(tensor: Tensor) -> bool:
    """Return whether kernels for the CPU can read a tensor."""
    return tensor.device.type == "cpu" and not on_device(tensor) and has_numbers(tensor) and not is_intercepted(tensor)


def merged_by_kernels(lookups: Sequence[Lookup], shape: torch.Size, dtype: torch.dtype) -> Rows:
    """Merge rows as the steps of an operator do: no gradient is expanded."""
    bags = tuple(
        Bags(in_type(each.values, dtype), each.indices, each.offsets, in_type(each.weights, dtype)) for each in lookups
    )
    found = merge_rows(
        "EmbeddingGradient", BagGradient(bags, private=True), "the weight", tuple(shape), STORAGE_OF[dtype]
    )
    return Rows(torch.from_numpy(found.rows), torch.from_numpy(found.sums).to(dtype))


def in_type(values: Any, dtype: torch.dtype) -> Any:
    """Values, or None, in a dtype that kernels take beside a weight: its own, or the compute type."""
    if values is None:
        return None
    values = values.resolve_neg()
    return values if values.dtype is dtype else values.to(compute_dtype_of(dtype))


def gradient_rows_of(lookups: Sequence[Lookup], compute: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """The place of each index, rows of values in the compute type, and which of these each index takes."""
    places, values, which, count = [], [], [], 0
    for each in lookups:
        bags = bag_of_each(each) if each.weights is None else None
        rows = Rows(each.indices.long(), each.values.to(compute)) if bags is not None else expanded(each, compute)
        length = len(rows.places)
        which.append(count + (torch.arange(length, device=rows.places.device) if bags is None else bags))
        places.append(rows.places)
        values.append(rows.values)
        count += len(rows.values)
    return torch.cat(places), values[0] if len(values) == 1 else torch.cat(values), torch.cat(which)


def merged_by_torch(lookups: Sequence[Lookup], dtype: torch.dtype) -> Rows:
    """Merge rows by functions of PyTorch, on any device and of complex numbers; lookups with weights are expanded."""
    places, sums = padded_sums(lookups, dtype)
    present = places >= 0
    return Rows(places[present], sums[present])


def padded_sums(lookups: Sequence[Lookup], dtype: torch.dtype) -> Rows:
    """Merged rows, padded to the number of indices by places of -1 and zeros. On a device this does not wait."""
    places, values, which = gradient_rows_of(lookups, compute_dtype_of(dtype))
    in_order, order = places.sort(stable=True)
    count, inner = len(in_order), values.shape[1:]
    if not count or not values.numel():
        return merged_without_values(in_order, values.new_zeros((count, *inner), dtype=dtype))
    starts = starts_of_segments(in_order)
    # The bags of this lookup are the gradients of each row: PyTorch sums them without expanding them.
    flat = (torch.view_as_real(values) if values.is_complex() else values).reshape(len(values), -1)
    sums = embedding_bag(which[order], flat, starts, mode="sum")
    if values.is_complex():
        sums = torch.view_as_complex(sums.reshape(-1, 2))
    found = padded_places(in_order, starts)
    sums = sums.reshape(count, *inner).to(dtype)
    return Rows(found, sums.masked_fill((found < 0).reshape(-1, *[1] * len(inner)), 0))


def starts_of_segments(in_order: Tensor) -> Tensor:
    """Where each segment of equal numbers begins; behind the last segment, the count of all numbers."""
    before = in_order.roll(1)
    begins = in_order != before
    begins[:1] = True
    numbers = begins.cumsum(0)
    return torch.searchsorted(numbers, torch.arange(1, len(in_order) + 1, device=in_order.device))


def padded_places(in_order: Tensor, starts: Tensor) -> Tensor:
    """The number of each segment; -1 behind the last one."""
    return in_order[starts.clamp(max=len(in_order) - 1)].masked_fill(starts == len(in_order), -1)


def merged_without_values(in_order: Tensor, zeros: Tensor) -> Rows:
    """Merged rows without elements, padded."""
    return Rows(padded_places(in_order, starts_of_segments(in_order)) if len(in_order) else in_order, zeros)


def add_rows(tensor: Tensor, rows: Rows, alpha: float = 1) -> Tensor:
    """Add rows, each named once, to a dense tensor of their dtype in place, by the operation that adds all of them."""
    sums = torch.add(tensor.index_select(0, rows.places), rows.values, alpha=alpha)
    return tensor.index_copy_(0, rows.places, sums)


def dense(lookups: Sequence[Lookup], shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """The dense gradient of lookups; there is at least one."""
    rows = merged(lookups, shape, dtype)
    return rows.values.new_zeros(shape).index_copy_(0, *rows)


def coo(lookups: Sequence[Lookup], shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """The uncoalesced COO gradient of lookups, one gradient row for each index; there is at least one."""
    places, values = joined(lookups)
    # No one may change the lookups through it.
    if places is lookups[0].indices:
        places = places.clone()
    if values is lookups[0].values or values.dtype is not dtype:
        values = values.to(dtype, copy=True)
    return torch.sparse_coo_tensor(places[None], values, shape, check_invariants=False)
