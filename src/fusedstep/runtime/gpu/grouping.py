"""Which rows some indices name, found on the device without waiting for it."""

import sys
from typing import Any, NamedTuple

from ...codegen.gpu.kernels import heavy_for, mark
from .options import EXACT

BLOCK = 1024
# Rows with more gradients than so many are added up by programs of their own, each of so many columns.
MANY, COLUMNS = 64, 32


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


def heavy_sums(gradient: Any, storage: str, groups: Groups, rows: int, width: int) -> Any:
    """The sums of rows with many gradients; that of one whose indices begin at k has place k // ``MANY``, since no two
    of them begin as near to each other as that."""
    torch = sys.modules["torch"]
    compute = "float64" if storage == "float64" else "float32"
    places = -(-groups.size // MANY)
    heavy = gradient.new_empty((places * width,), dtype=getattr(torch, compute))
    if groups.size > MANY:
        known = {"width": width, "MANY": MANY, "COLUMNS": COLUMNS}
        heavy_for(storage, compute)[(places * -(-width // COLUMNS),)](
            gradient, *groups, groups.size, rows, heavy, **known, **EXACT | {"num_warps": 1}
        )
    return heavy
