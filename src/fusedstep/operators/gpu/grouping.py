"""Which rows some indices name, found on the device without waiting for it."""

import sys
from typing import Any, NamedTuple

from ...codegen.gpu.kernels import mark
from .options import EXACT

BLOCK = 1024


class Groups(NamedTuple):
    """Which rows some indices name.

    Attributes:
        named: the indices, sorted.
        order: where each stood.
        stops: for each where the indices of its row stop.
    """

    named: Any
    order: Any
    stops: Any

    @property
    def size(self) -> int:
        """How many indices there are."""
        return int(self.named.numel())


def group(indices: Any) -> Groups:
    """Groups indices by row; those of one row stay in their order."""
    torch = sys.modules["torch"]
    named, order = torch.sort(indices, stable=True)
    return Groups(named, order, torch.searchsorted(named, named, right=True))


def places_of(groups: Groups, rows: int) -> Any:
    """For each row where it is first named among the sorted indices, or -1."""
    places = groups.named.new_full((rows,), -1, dtype=sys.modules["torch"].int32)
    if groups.size:
        programs = (-(-groups.size // BLOCK),)
        mark()[programs](groups.named, places, groups.size, rows, BLOCK=BLOCK, **EXACT)
    return places
