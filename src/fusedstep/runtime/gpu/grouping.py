"""Which rows some indices name, found on the device without waiting for it."""

import sys
from typing import Any, NamedTuple

from ...codegen.gpu.kernels import long_segments_for, mark
from ...storage import compute_type
from .options import EXACT

BLOCK = 1024
# Rows with more gradients than so many are added up by programs of their own, each of so many columns.
LONG, COLUMNS = 64, 32


class Groups(NamedTuple):
    """Which rows some indices name.

    Attributes:
        sorted_indices: the indices, sorted.
        positions: where each stood.
        segment_ends: for each where the indices of its row stop.
    """

    sorted_indices: Any
    positions: Any
    segment_ends: Any

    @property
    def size(self) -> int:
        """How many indices there are."""
        return int(self.sorted_indices.numel())


def group(indices: Any) -> Groups:
    """Groups indices by row; those of one row stay in their order."""
    torch = sys.modules["torch"]
    sorted_indices, positions = torch.sort(indices, stable=True)
    return Groups(sorted_indices, positions, torch.searchsorted(sorted_indices, sorted_indices, right=True))


def places_of(groups: Groups, rows: int) -> Any:
    """For each row where it is first named among the sorted indices, or -1."""
    places = groups.sorted_indices.new_full((rows,), -1, dtype=sys.modules["torch"].int32)
    if groups.size:
        programs = (-(-groups.size // BLOCK),)
        mark()[programs](groups.sorted_indices, places, groups.size, rows, BLOCK=BLOCK, **EXACT)
    return places


def sum_long_segments(gradient: Any, storage: str, groups: Groups, rows: int, width: int) -> Any:
    """The sums of rows with many gradients; that of one whose indices begin at k has place k // ``LONG``, since no two
    of them begin as near to each other as that."""
    torch = sys.modules["torch"]
    compute = compute_type(storage)
    places = -(-groups.size // LONG)
    long_sums = gradient.new_empty((places * width,), dtype=getattr(torch, compute))
    if groups.size > LONG:
        known = {"width": width, "LONG": LONG, "COLUMNS": COLUMNS}
        long_segments_for(storage, compute)[(places * -(-width // COLUMNS),)](
            gradient, *groups, groups.size, rows, long_sums, **known, **EXACT | {"num_warps": 1}
        )
    return long_sums
