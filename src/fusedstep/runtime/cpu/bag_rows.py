"""The rows of gradients of bags in memory, read as if each index had a row of its own."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...arrays.address import address_of
from . import loops, workspace


class BagLookup(NamedTuple):
    """The gradient of one lookup, checked.

    Attributes:
        gradient: its elements, as a flat array or the memory of a tensor.
        indices: the number of indices.
        starts: where each bag begins among them; None if each index is a bag of its own.
    """

    gradient: Any
    indices: int
    starts: np.ndarray | None


class BagRows:
    """The gradient rows of the indices of some lookups, of one storage type.

    It stands where the memory of a gradient does that has a row for each index.

    Attributes:
        lookups: the lookups.
        weights: the factor of each index in the compute type, or None.
        sources: the address of the gradient row of each index.
        address, nbytes: the stretch of memory within which all gradients lie.
        size, itemsize: the number of elements that are added, and the bytes of one.
    """

    def __init__(self, lookups: Sequence[BagLookup], width: int, weights: np.ndarray | None) -> None:
        self.lookups, self.weights, self._width = lookups, weights, width
        self.itemsize: int = lookups[0].gradient.itemsize
        count, done = sum(lookup.indices for lookup in lookups), 0
        self.size, self.sources = count * width, workspace.empty(count, np.int64)
        sources_at = address_of(self.sources)
        for lookup in lookups:
            self._locate(lookup, sources_at + self.sources.itemsize * done)
            done += lookup.indices
        stretches = [(address_of(each.gradient), each.gradient.nbytes) for each in lookups if each.gradient.size]
        self.address = min((start for start, _ in stretches), default=0)
        self.nbytes = max((start + size for start, size in stretches), default=0) - self.address

    def _locate(self, lookup: BagLookup, sources_at: int) -> None:
        """Write the address of the gradient row of each index of a lookup."""
        starts = np.arange(lookup.indices) if lookup.starts is None else lookup.starts
        locate = loops.loop("bag_sources")
        row_bytes = self._width * self.itemsize
        locate(address_of(starts), starts.size, lookup.indices, address_of(lookup.gradient), row_bytes, sources_at)

    def replaced(self, gradients: Sequence[Any]) -> "BagRows":
        """The same with other memory for the gradient of each lookup."""
        pairs = zip(self.lookups, gradients, strict=True)
        return BagRows([each._replace(gradient=own) for each, own in pairs], self._width, self.weights)
