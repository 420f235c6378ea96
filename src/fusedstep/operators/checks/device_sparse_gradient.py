"""The checks of sparse gradients on a device: gradients of rows, and of bags."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...arrays.devices import library_of
from ...runtime.gpu.grouping import NamedRows
from ...storage import compute_type
from ..bags import BagGradient, Bags
from .bags import check_offsets, view_offsets
from .device import (
    check_readable,
    outside,
    refuse_outside,
    view_device_gradient,
    view_device_indices,
    view_integers,
)
from .listed_indices import check_count


class DeviceGradient(NamedTuple):
    """A checked sparse gradient.

    Attributes:
        gradient, storage: its contiguous array, and its storage type.
        elements: a view of its elements for checks.
        named: the rows that it belongs to.
        weights: views of the weights for checks.
    """

    gradient: Any
    storage: str
    elements: np.ndarray
    named: NamedRows
    weights: list[np.ndarray]


class Lookup(NamedTuple):
    """The checked gradient of one lookup; see ``DeviceGradient``.

    Attributes:
        indices: the row of each index.
        bags: the number of bags.
        offsets: where each bag begins, with or without their end; None if each index is a bag of its own.
        bag_of: the bag of each index.
        in_no_bag: which indices are in none: those behind the end, and any where the offsets are wrong.
        weights, weights_view: the factor of each index in the compute type, and a view of what the caller passes; or
            None.
        gradient, storage, elements: see ``DeviceGradient``.
    """

    indices: Any
    bags: int
    offsets: Any
    bag_of: Any
    in_no_bag: Any
    weights: Any
    weights_view: Any
    gradient: Any
    storage: str
    elements: np.ndarray

    @property
    def size(self) -> int:
        """The number of indices."""
        return int(self.indices.shape[0])

    @property
    def with_end(self) -> bool:
        """Whether the offsets hold the end of the last bag."""
        return self.offsets is not None and int(self.offsets.shape[0]) > self.bags


def view_sparse_gradient(
    operator: Any,
    label: str,
    gradient: Any,
    indices: Any,
    shape: tuple[int, ...],
    beside: str,
    like: Any,
) -> DeviceGradient:
    """Check a gradient of rows or of bags. This waits for the device once if the operator checks indices.

    Gradients of several lookups are copied one after another into one array, which kernels address by one number.

    Args:
        operator: the operator.
        label: its name for the gradient, for messages.
        gradient, indices: a gradient and its indices; or a ``BagGradient``, and None.
        shape, beside, like: the variable's shape and storage type, and the variable.

    Raises:
        TypeError, ValueError, IndexError: an argument is invalid.
        RuntimeError: a graph is being captured, and something is to be read back.
    """
    name, variable = operator.name, operator.array_spec.names[0]
    given = gradient.lookups if isinstance(gradient, BagGradient) else (Bags(gradient, indices),)
    with library_of(like).current_device(like):
        lookups = [view_lookup(name, label, each, variable, shape, beside, like) for each in given]
        check_count(name, sum(each.size for each in lookups))
        if operator.options.check_indices:
            check_values(name, lookups, shape[0], variable)
        return lookups_as_one(lookups, beside)


def view_lookup(
    operator: str, label: str, bags: Bags, variable: str, shape: tuple[int, ...], beside: str, like: Any
) -> Lookup:
    """Check one lookup, but for the values of its indices and offsets; see ``view_sparse_gradient``."""
    library = library_of(like)
    indices = view_device_indices(operator, bags.indices, variable, shape, like)
    count = rows = int(indices.shape[0])
    weights = weights_view = offsets = bag_of = in_no_bag = None
    if bags.weights is not None:
        weights, _, weights_view = view_device_gradient(operator, "weights", bags.weights, (count,), beside, like)
        weights = library.as_type(weights, compute_type(beside))
    if bags.offsets is not None:
        # Searches warn of gaps.
        offsets = library.contiguous(
            view_integers(operator, "offsets", bags.offsets, like, partial(view_offsets, operator))
        )
        given, rows = getattr(bags.gradient, "shape", None), int(offsets.shape[0])
        rows -= bool(given and given[0] == rows - 1)
        if not offsets.shape[0]:
            check_offsets(operator, np.empty(0, np.int64), count, with_end=False)
        bag_of = library.searchsorted(offsets, library.arange(count, like)) - 1
        in_no_bag = outside(bag_of, rows)
    gradient, storage, elements = view_device_gradient(operator, label, bags.gradient, (rows, *shape[1:]), beside, like)
    return Lookup(indices, rows, offsets, bag_of, in_no_bag, weights, weights_view, gradient, storage, elements)


def check_values(operator: str, lookups: Sequence[Lookup], rows: int, variable: str) -> None:
    """Check the values of offsets and indices, all that are on the device by one wait for it.

    Raises:
        ValueError: offsets are not in order.
        IndexError: an index names no row.
        RuntimeError: a graph is being captured, so nothing can be read back.
    """
    library = library_of(lookups[0].indices)
    check_readable(operator, lookups[0].indices)
    if library.any_true([mask for each in lookups for mask in faults(each, rows)]):
        ends = [check_order(operator, each) for each in lookups]
        for each, end in zip(lookups, ends, strict=True):
            refuse_outside(operator, library.to_host(each.indices)[:end], rows, variable)


def check_order(operator: str, lookup: Lookup) -> int:
    """Check the order of the offsets of a lookup on the host; return where its last bag ends."""
    if lookup.offsets is None:
        return lookup.size
    offsets = library_of(lookup.offsets).to_host(lookup.offsets)
    return check_offsets(operator, offsets, lookup.size, lookup.with_end)


def faults(lookup: Lookup, rows: int) -> list[Any]:
    """Masks of what is wrong with the values of a lookup."""
    wrong = outside(lookup.indices, rows)
    if lookup.offsets is None:
        return [wrong]
    offsets, library = lookup.offsets, library_of(lookup.indices)
    if lookup.with_end:
        wrong = library.filled(wrong, lookup.in_no_bag, 0)
    return [wrong, offsets[:1] != 0, offsets[1:] < offsets[:-1], offsets[-1:] > lookup.size]


def lookups_as_one(lookups: Sequence[Lookup], beside: str) -> DeviceGradient:
    """One gradient of several lookups; that of a single one is not copied."""
    weights = [each.weights_view for each in lookups if each.weights_view is not None]
    if len(lookups) == 1:
        (only,) = lookups
        return DeviceGradient(only.gradient, only.storage, only.elements, rows_of(only), weights)
    library = library_of(lookups[0].gradient)
    storages, compute = {each.storage for each in lookups}, compute_type(beside)
    storage = lookups[0].storage if len(storages) == 1 else compute
    gradient = library.concatenate([library.as_type(each.gradient, storage) for each in lookups])
    elements = library.describe(gradient).view.reshape(-1)
    return DeviceGradient(gradient, storage, elements, rows_as_one(lookups, compute), weights)


def rows_as_one(lookups: Sequence[Lookup], compute: str) -> NamedRows:
    """The rows that several lookups name, whose gradients lie one after another."""
    library, before = library_of(lookups[0].gradient), 0
    indices, gradient_rows, weights = [], [], []
    for each in lookups:
        named = rows_of(each)
        own = library.arange(each.size, each.indices) if named.gradient_rows is None else named.gradient_rows
        indices.append(named.indices)
        gradient_rows.append(own + before)
        weights.append(
            library.full((each.size,), 1, compute, each.gradient) if named.weights is None else named.weights
        )
        before += each.bags
    weighted = any(each.weights is not None for each in lookups)
    return NamedRows(
        library.concatenate(indices),
        library.concatenate(gradient_rows),
        library.concatenate(weights) if weighted else None,
    )


def rows_of(lookup: Lookup) -> NamedRows:
    """The rows that a lookup names. An index that is in no bag names none, and points to memory that is there."""
    if lookup.bag_of is None:
        return NamedRows(lookup.indices, None, lookup.weights)
    library = library_of(lookup.indices)
    indices = library.filled(lookup.indices, lookup.in_no_bag, -1)
    return NamedRows(indices, library.filled(lookup.bag_of, lookup.in_no_bag, 0), lookup.weights)
