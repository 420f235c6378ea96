"""Which rows some indices name, found on the device without waiting for it."""

from typing import Any, NamedTuple

from ...arrays.devices import library_of
from ...codegen.gpu.kernels import long_segments_for, mark
from ...storage import compute_type
from .launch_kernel import launch_kernel

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
        return int(self.sorted_indices.shape[0])


def group(indices: Any) -> Groups:
    """Groups indices by row; those of one row stay in their order."""
    library = library_of(indices)
    sorted_indices, positions = library.sort(indices)
    return Groups(sorted_indices, positions, library.searchsorted(sorted_indices, sorted_indices))


def places_of(groups: Groups, rows: int) -> Any:
    """For each row where it is first named among the sorted indices, or -1."""
    library = library_of(groups.sorted_indices)
    places = library.full((rows,), -1, "int32", groups.sorted_indices)
    if groups.size:
        arguments = [groups.sorted_indices, places, groups.size, rows]
        launch_kernel(library, mark(), -(-groups.size // BLOCK), arguments, BLOCK=BLOCK)
    return places


def sum_long_segments(gradient: Any, storage: str, groups: Groups, rows: int, width: int) -> Any:
    """The sums of rows with many gradients; that of one whose indices begin at k has place k // ``LONG``, since no two
    of them begin as near to each other as that."""
    library, compute = library_of(gradient), compute_type(storage)
    places = -(-groups.size // LONG)
    long_sums = library.empty((places * width,), compute, gradient)
    if groups.size > LONG:
        kernel, programs = long_segments_for(storage, compute), places * -(-width // COLUMNS)
        arguments = [gradient, *groups, groups.size, rows, long_sums]
        launch_kernel(library, kernel, programs, arguments, width=width, LONG=LONG, COLUMNS=COLUMNS, num_warps=1)
    return long_sums
