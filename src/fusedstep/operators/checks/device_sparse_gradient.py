"""The checks of sparse gradients on a device: of rows, and of bags."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...arrays.devices import library_of
from ...runtime.gpu.grouping import Contributions
from ...storage import compute_type
from ..bags import BagGradient, Bags
from .device_lookup import Lookup, check_values, view_lookup
from .listed_indices import check_count


class DeviceGradient(NamedTuple):
    """A checked sparse gradient.

    Attributes:
        gradient, storage: its contiguous array, and its storage type.
        elements: a view of its elements for checks.
        contributions: what its indices contribute to their rows.
        weights: views of the weights for checks.
    """

    gradient: Any
    storage: str
    elements: np.ndarray
    contributions: Contributions
    weights: list[np.ndarray]


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


def lookups_as_one(lookups: Sequence[Lookup], beside: str) -> DeviceGradient:
    """One gradient of several lookups; that of a single one is not copied."""
    weights = [each.weights_view for each in lookups if each.weights_view is not None]
    if len(lookups) == 1:
        (only,) = lookups
        return DeviceGradient(only.gradient, only.storage, only.elements, contributions_of(only), weights)
    library = library_of(lookups[0].gradient)
    storages, compute = {each.storage for each in lookups}, compute_type(beside)
    storage = lookups[0].storage if len(storages) == 1 else compute
    gradient = library.concatenate([library.as_type(each.gradient, storage) for each in lookups])
    elements = library.describe(gradient).view.reshape(-1)
    return DeviceGradient(gradient, storage, elements, contributions_as_one(lookups, compute), weights)


def contributions_as_one(lookups: Sequence[Lookup], compute: str) -> Contributions:
    """What the indices of several lookups contribute, whose gradients lie one after another."""
    library, before = library_of(lookups[0].gradient), 0
    indices, gradient_rows, weights = [], [], []
    for each in lookups:
        own = contributions_of(each)
        rows = library.arange(each.size, each.indices) if own.gradient_rows is None else own.gradient_rows
        indices.append(own.indices)
        gradient_rows.append(rows + before)
        weights.append(library.full((each.size,), 1, compute, each.gradient) if own.weights is None else own.weights)
        before += int(each.gradient.shape[0])
    weighted = any(each.weights is not None for each in lookups)
    return Contributions(
        library.concatenate(indices),
        library.concatenate(gradient_rows),
        library.concatenate(weights) if weighted else None,
    )


def contributions_of(lookup: Lookup) -> Contributions:
    """What the indices of a lookup contribute; nothing those that are in no bag."""
    if lookup.in_no_bag is None:
        return Contributions(lookup.indices, lookup.bag_of, lookup.weights)
    indices = library_of(lookup.indices).filled(lookup.indices, lookup.in_no_bag, -1)
    return Contributions(indices, lookup.bag_of, lookup.weights)
