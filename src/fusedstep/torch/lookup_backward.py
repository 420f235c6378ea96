"""The gradient of a lookup in its forms: of bags, with a row for each unique index, and recorded by autograd."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from ..arrays.devices import on_device
from .embedding_gradient.lookup import Lookup, bag_of_each, counts_of, counts_that_remain, named, selected
from .embedding_gradient.sums import merged
from .layouts import compute_dtype
from .lookup_checks import is_concrete_gradient


def lookup_of(
    gradient: Tensor,
    indices: Tensor,
    offsets: Tensor | None,
    factors: Tensor | None,
    bagged: bool,
    mean: bool,
    padding: int | None,
) -> Lookup:
    """What a lookup leaves for its table's gradient; ids and factors are copied, the gradient only if others hold it.

    Args:
        gradient: the gradient of the lookup's result.
        indices: the ids, of any shape; with one dimension and ``bagged``, the offsets tell the bags.
        offsets: where each bag begins, with or without the end; None unless ``indices`` has one dimension.
        factors: the factor of each index, or None.
        bagged: whether the result has a row for each bag.
        mean: whether it averages.
        padding: the row that takes no part, or None.
    """
    shared = not mean and is_concrete_gradient(gradient) and is_shared(gradient)
    if bagged:
        values, length = gradient, indices.shape[-1]
    else:
        values, length = without_repeats(gradient)
    if shared:
        # Whoever holds the same memory may change it before the step, such as a tensor that was given to backward().
        values = values.clone(memory_format=torch.contiguous_format)
    # Whoever looks up may fill the same memory with other ids before the step.
    indices = flat_copy(indices)
    if offsets is not None:
        offsets = offsets.clone()
    elif bagged or length != 1:
        offsets = torch.arange(0, indices.numel(), max(length, 1), dtype=indices.dtype, device=indices.device)
    weights = None if factors is None else flat_copy(factors)
    if offsets is not None:
        indices, offsets, weights = without_end(indices, offsets, weights, values.size(0))
    found = Lookup(values, indices, offsets, weights)
    if padding is not None:
        found = without_padding(found, padding)
    return averaged(found) if mean else found


def flat_copy(tensor: Tensor) -> Tensor:
    """A copy of one dimension."""
    copied = tensor.clone(memory_format=torch.contiguous_format)
    return copied if copied.dim() == 1 else copied.reshape(-1)


def is_shared(gradient: Tensor) -> bool:
    """Return whether others hold a gradient that a backward pass is given, or its memory."""
    storage = gradient.untyped_storage()
    # The handle of the storage counts, too.
    return bool(gradient._use_count() > 1 or torch._C._storage_Use_Count(storage._cdata) > 2)


def without_repeats(gradient: Tensor) -> tuple[Tensor, int]:
    """A gradient with one row for each of several consecutive indices, and how many share a row.

    The sum or mean of rows that were looked up has such a gradient: an expanded view, which would be copied.
    """
    length = 1
    while gradient.dim() > 1 and gradient.numel() and (gradient.stride(-2) == 0 or gradient.size(-2) == 1):
        length *= gradient.size(-2)
        gradient = gradient.select(-2, 0)
    # Where a row has no elements, torch cannot tell how many there are.
    return gradient.reshape(math.prod(gradient.shape[:-1]), gradient.size(-1)), length


def without_end(
    indices: Tensor, offsets: Tensor, weights: Tensor | None, bags: int
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Indices, offsets and weights of a number of bags, of which the last ends with the indices."""
    # Methods: Python's len() and slices take longer than all the rest.
    count = end = indices.numel()
    has_end = offsets.numel() > bags
    if not bags:
        end = 0
    elif has_end and not on_device(offsets):
        # Indices behind the end belong to no bag. On a device PyTorch counts them to the last one.
        end = int(offsets[bags])
    if end < count:
        indices, weights = indices[:end], weights if weights is None else weights[:end]
    return indices, offsets[:bags] if has_end else offsets, weights


def without_padding(lookup: Lookup, padding: int) -> Lookup:
    """The lookup without a row: a bag has one index less, or none."""
    if on_device(lookup.indices):
        return lookup._replace(indices=lookup.indices.masked_fill(lookup.indices == padding, -1))
    remains = lookup.indices != padding
    return lookup if remains.all() else selected(lookup, remains)


def averaged(lookup: Lookup) -> Lookup:
    """A mean's lookup with the gradient of each index, in the type in which it is computed."""
    values, indices, offsets, _ = lookup
    if offsets is None:
        return lookup
    values = values.to(compute_dtype(values))
    there = on_device(indices)
    counts = counts_that_remain(offsets, indices >= 0) if there else counts_of(offsets, len(indices))
    # An empty bag has no indices; 0 / 0 would look like an overflow.
    return lookup._replace(values=values / counts.clamp(min=1).to(values.dtype)[:, None])


def merged_coo(weight: Tensor, lookup: Lookup) -> Tensor:
    """A sparse gradient with one row for each unique index, as processes exchange it."""
    return coo_of_rows(weight, *merged([lookup], weight.shape, weight.dtype), is_coalesced=True)


def coo_of_rows(weight: Tensor, rows: Tensor, values: Tensor, *, is_coalesced: bool = False) -> Tensor:
    """A sparse gradient of some rows of a weight."""
    return torch.sparse_coo_tensor(
        rows.long()[None], values, weight.shape, check_invariants=False, is_coalesced=is_coalesced or None
    )


def dense_or_rows(weight: Tensor, lookup: Lookup, sparse: bool) -> Tensor:
    """A gradient in torch's operations, which autograd can record: dense, or a row for each index."""
    lookup = named(lookup)
    values, indices, _, weights = lookup
    bags = bag_of_each(lookup)
    if bags is not None:
        values = values[bags]
    if weights is not None:
        values = values * weights[:, None]
    values = values.to(weight.dtype)
    if sparse:
        return coo_of_rows(weight, indices, values)
    return values.new_zeros(tuple(weight.shape)).index_add(0, indices, values)


def factor_gradient(
    gradient: Tensor, weight: Tensor, indices: Tensor, offsets: Tensor | None, padding: int | None
) -> Tensor:
    """The gradient of the factors of a weighted sum: the product of each index's row and its bag's gradient."""
    shape, count = indices.shape, indices.numel()
    lookup = lookup_of(gradient, indices, offsets, None, bagged=True, mean=False, padding=None)
    indices, bags = lookup.indices, bag_of_each(lookup)
    assert bags is not None
    with torch._C.DisableTorchFunctionSubclass():
        if torch.is_grad_enabled():
            # torch's own function has no second derivative.
            found = (weight[indices] * gradient[bags]).sum(1)
            found = found if padding is None else torch.where(indices == padding, 0, found)
        else:
            found = torch.ops.aten._embedding_bag_per_sample_weights_backward(
                gradient, weight, indices, lookup.offsets, bags.to(indices.dtype), 0, -1 if padding is None else padding
            )
    # Indices behind the last bag take no part.
    return functional.pad(found, (0, count - len(found))).reshape(shape)
