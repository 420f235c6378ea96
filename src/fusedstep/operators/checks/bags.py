"""Check gradients of bags: one gradient row for each bag of indices, and a weight for each index."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...arrays.address import address_of
from ...arrays.borrow import dtype_name, holds_integers
from ...arrays.layout import as_array
from ...loops.cpu.memory import take_sum
from ...runtime.cpu.bag_rows import BagLookup, BagRows
from ...runtime.cpu.grouping import Groups, group, with_every_row_summed
from ...runtime.cpu.loops import sum_functions
from ...storage import compute_type
from ..bags import BagGradient, Bags
from .arrays import view_gradient, view_memory
from .indices import copy_indices, refuse_outside
from .listed_indices import as_array as listed_as_array
from .listed_indices import check_count


class CheckedBags(NamedTuple):
    """A gradient of bags whose arguments are checked, but for the range of the indices.

    Attributes:
        lookups: what the caller passes.
        indices: the indices of all lookups that lie in bags, copied.
        counts: how many of them each lookup has.
        gradient: the gradient row of each index.
        storage: the storage type of the gradient.
    """

    lookups: Sequence[Bags]
    indices: np.ndarray
    counts: Sequence[int]
    gradient: BagRows
    storage: str


def view_bags(
    operator: str, name: str, given: BagGradient, variable: str, shape: tuple[int, ...], beside: str
) -> CheckedBags:
    """Check a gradient of bags, and view its memory. Indices, offsets and weights are copied.

    Args:
        operator, name: the operator and its gradient, for messages.
        given: what the caller passes.
        variable, shape, beside: the variable, its shape, and its storage type.

    Raises:
        TypeError: an argument is no array, or has another type.
        ValueError: an argument has another shape, the offsets are not in order, or there are 2**31 indices or more.
    """
    viewed = [view_lookup(operator, name, each, variable, shape, beside, given.private) for each in given.lookups]
    check_count(operator, sum(each.indices.size for each in viewed))
    compute = compute_type(beside)
    # Lookups may differ in type where one is as wide as the sums.
    storage = viewed[0].storage if len({each.storage for each in viewed}) == 1 else compute
    gradients = [each.gradient if each.storage == storage else widened(each.gradient, each.storage) for each in viewed]
    lookups = [
        BagLookup(gradient, each.indices.size, each.starts) for gradient, each in zip(gradients, viewed, strict=True)
    ]
    weights = None
    if any(each.weights is not None for each in viewed):
        factors = [np.ones(each.indices.size, compute) if each.weights is None else each.weights for each in viewed]
        weights = joined(factors)
    row_size = math.prod(shape[1:])
    indices = joined([each.indices for each in viewed])
    counts = [each.indices.size for each in viewed]
    return CheckedBags(given.lookups, indices, counts, BagRows(lookups, row_size, weights), storage)


class ViewedLookup(NamedTuple):
    """One lookup, see ``CheckedBags``.

    Attributes:
        indices: the indices that lie in bags, copied.
        gradient, storage: the elements of the gradient, and their storage type.
        starts: where each bag begins, copied; None if each index is a bag of its own.
        weights: the weights in the compute type, copied; None if there are none.
    """

    indices: np.ndarray
    gradient: Any
    storage: str
    starts: np.ndarray | None
    weights: np.ndarray | None


def view_lookup(
    operator: str, name: str, bags: Bags, variable: str, shape: tuple[int, ...], beside: str, private: bool
) -> ViewedLookup:
    """Check one lookup; see ``view_bags`` and ``BagGradient``."""
    indices = copy_indices(operator, bags.indices, variable, shape, private)
    weights = None if bags.weights is None else copy_weights(operator, bags.weights, indices.size, beside, private)
    starts, count = None, indices.size
    if bags.offsets is not None:
        offsets = copy_offsets(operator, bags.offsets, count, private)
        with_end = tuple(getattr(bags.gradient, "shape", ()))[:1] == (offsets.size - 1,)
        end = check_offsets(operator, offsets, count, with_end)
        count = offsets.size - with_end
        starts = offsets.view(np.int64)[:count]
        # Behind the end of the last bag, indices are in no bag.
        indices, weights = indices[:end], None if weights is None else weights[:end]
    gradient, storage = view_gradient(operator, name, bags.gradient, (count, *shape[1:]), beside)
    return ViewedLookup(indices, gradient, storage, starts, weights)


def copy_offsets(operator: str, offsets: Any, count: int, private: bool) -> np.ndarray:
    """Copy offsets, unless they are private, in 64 bits with their sign or without; see ``view_offsets``."""
    # Concurrent writes must not affect the call.
    view = view_offsets(operator, offsets, count)
    kind = np.uint64 if view.dtype.kind == "u" else np.int64
    copied: np.ndarray = view.astype(kind, order="C", copy=not private)
    return copied


def view_offsets(operator: str, offsets: Any, count: int) -> np.ndarray:
    """The memory of offsets into ``count`` indices, or of a copy if they lend none.

    Raises:
        TypeError: they are not integers.
        ValueError: they do not have one dimension.
        IndexError: one is an integer of more than 64 bits.
    """
    if type(offsets) is not np.ndarray:
        offsets = listed_as_array(operator, offsets, "indices", count + 1, "offsets")
    view = view_memory(operator, "offsets", offsets)
    if not holds_integers(offsets, view):
        raise TypeError(f"{operator}: offsets holds {dtype_name(offsets, view)}, expected integers")
    if view.ndim != 1:
        raise ValueError(f"{operator}: offsets has shape {view.shape}, expected one dimension")
    found: np.ndarray = view
    return found


def check_offsets(operator: str, offsets: np.ndarray, count: int, with_end: bool) -> int:
    """Check the order of offsets into ``count`` indices; return where the last bag ends.

    Raises:
        ValueError: they do not start at 0, one is below that before it, or above the number of indices.
    """
    if not offsets.size:
        if count:
            raise ValueError(f"{operator}: offsets is empty, expected the start of a bag: indices has {count} entries")
        return 0
    if offsets[0] != 0:
        raise ValueError(f"{operator}: offsets[0] is {offsets[0]}, expected 0, where the first bag starts")
    # Compared, not subtracted: differences may not fit in 64 bits.
    wrong = (offsets[1:] > count) | (offsets[1:] < offsets[:-1])
    if wrong.any():
        place = 1 + int(wrong.argmax())
        raise ValueError(
            f"{operator}: offsets[{place}] is {offsets[place]}, expected {offsets[place - 1]} to {count}: bags follow "
            f"one another, and indices has {count} entries"
        )
    return int(offsets[-1]) if with_end else count


def copy_weights(operator: str, weights: Any, count: int, beside: str, private: bool) -> np.ndarray:
    """Copy the weights of indices, in the compute type, unless they are private.

    Raises:
        TypeError: they are no array, or a gradient may not have their type.
        ValueError: there is not one for each index.
    """
    flat, storage = view_gradient(operator, "weights", weights, (count,), beside)
    if storage != compute_type(beside):
        return widened(flat, storage)
    array: np.ndarray = as_array(flat).reshape(-1)
    return array if private else array.copy()


def widened(memory: Any, storage: str) -> np.ndarray:
    """Elements of a narrow type in their compute type."""
    compute = compute_type(storage)
    wide = np.empty(memory.size, compute)
    load, _ = sum_functions(storage, compute)
    take_sum(load, address_of(wide), address_of(memory), memory.size)
    return wide


def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """One array of all elements; a single array as it is."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def group_bags(operator: str, bags: CheckedBags, variable: str, rows: int) -> Groups:
    """The rows that the indices of bags name.

    Raises:
        IndexError: an index names no row of the variable.
    """
    groups = group(bags.indices, rows)
    if groups.distinct < 0:
        place = -1 - groups.distinct
        value = int(bags.indices[place])
        for lookup, count in zip(bags.lookups, bags.counts, strict=True):
            if place < count:
                refuse_outside(operator, lookup.indices, place, value, variable, rows)
            place -= count
    return groups if bags.gradient.weights is None else with_every_row_summed(groups)
