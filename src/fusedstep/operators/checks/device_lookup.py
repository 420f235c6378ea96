"""The checks of one lookup on a device, whose gradient is one of rows or of bags."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...arrays.devices import library_of
from ...storage import compute_type
from ..bags import Bags
from .bags import check_offsets, view_offsets
from .device import (
    check_readable,
    outside,
    refuse_first_outside,
    view_device_gradient,
    view_device_indices,
    view_integers,
)


class Lookup(NamedTuple):
    """The checked gradient of one lookup.

    Attributes:
        indices: the row of each index.
        offsets: where each bag begins, with or without their end; None if each index is a bag of its own.
        bag_of: the bag of each index.
        in_no_bag: which indices are behind the last bag; None if it ends with them.
        weights, weights_view: the factor of each index in the compute type, and a view of what the caller passes; or
            None.
        gradient, storage: its contiguous array, and its storage type.
        elements: a view of its elements for checks.
    """

    indices: Any
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


def view_lookup(
    operator: str, label: str, bags: Bags, variable: str, shape: tuple[int, ...], beside: str, like: Any
) -> Lookup:
    """Check one lookup, but for the values of its indices and offsets."""
    indices = view_device_indices(operator, bags.indices, variable, shape, like)
    count = rows = int(indices.shape[0])
    weights = weights_view = offsets = bag_of = in_no_bag = None
    if bags.weights is not None:
        weights, _, weights_view = view_device_gradient(operator, "weights", bags.weights, (count,), beside, like)
        weights = library_of(like).as_type(weights, compute_type(beside))
    if bags.offsets is not None:
        offsets = view_device_offsets(operator, bags.offsets, count, like)
        rows = int(offsets.shape[0])
        rows -= tuple(getattr(bags.gradient, "shape", ()))[:1] == (rows - 1,)
    gradient, storage, elements = view_device_gradient(operator, label, bags.gradient, (rows, *shape[1:]), beside, like)
    if offsets is not None:
        bag_of, in_no_bag = bags_of_indices(offsets, rows, count)
    return Lookup(indices, offsets, bag_of, in_no_bag, weights, weights_view, gradient, storage, elements)


def view_device_offsets(operator: str, value: Any, count: int, like: Any) -> Any:
    """Offsets into ``count`` indices as a contiguous tensor of 64-bit integers; only that there are some is checked.

    Raises:
        RuntimeError: they are a list, and a graph is being captured, which would not see another one.
    """
    integers = view_integers(operator, "offsets", value, like, partial(view_offsets, operator, count=count))
    if not integers.shape[0]:
        check_offsets(operator, np.empty(0, np.int64), count, with_end=False)
    return library_of(like).contiguous(integers)


def bags_of_indices(offsets: Any, bags: int, count: int) -> tuple[Any, Any]:
    """The bag of each of ``count`` indices, and which are behind the last bag; None if it ends with them."""
    library = library_of(offsets)
    # How many bags end before an index: whatever the offsets hold, this is one of the bags, or their number.
    bag_of = library.searchsorted(offsets[1:], library.arange(count, offsets))
    return bag_of, bag_of >= bags if bags < offsets.shape[0] else None


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
            refuse_first_outside(operator, library.to_host(each.indices)[:end], rows, variable)


def check_order(operator: str, lookup: Lookup) -> int:
    """Check the order of the offsets of a lookup on the host; return where its last bag ends."""
    if lookup.offsets is None:
        return lookup.size
    offsets = library_of(lookup.offsets).to_host(lookup.offsets)
    return check_offsets(operator, offsets, lookup.size, lookup.in_no_bag is not None)


def faults(lookup: Lookup, rows: int) -> list[Any]:
    """Masks of what is wrong with the values of a lookup."""
    wrong = outside(lookup.indices, rows)
    if lookup.offsets is None:
        return [wrong]
    offsets, library = lookup.offsets, library_of(lookup.indices)
    if lookup.in_no_bag is not None:
        wrong = library.filled(wrong, lookup.in_no_bag, 0)
    return [wrong, offsets[:1] != 0, offsets[1:] < offsets[:-1], offsets[-1:] > lookup.size]
