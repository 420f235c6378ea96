"""The unique rows of indices, found on the device without waiting for it."""

from typing import Any, NamedTuple

from ...arrays.devices import library_of
from ...codegen.gpu.build import long_segments_for, mark
from ...storage import compute_type
from .launch_kernel import launch_kernel

BLOCK = 1024
# A segment of more gradients than LONG is long: its own programs sum it, COLUMNS columns each.
LONG, COLUMNS = 64, 32


class Contributions(NamedTuple):
    """What the indices of a sparse gradient contribute to the gradients of their rows.

    Attributes:
        indices: the rows. An index that names no row of the table contributes nothing.
        gradient_rows: the row of the gradient that each index has; None if each has its own, in their order.
        weights: the factor of each index, in the compute type; None for factors of 1.
    """

    indices: Any
    gradient_rows: Any = None
    weights: Any = None


class Groups(NamedTuple):
    """Indices grouped by row.

    Attributes:
        sorted_indices: the indices, sorted.
        gradient_rows: the row of the gradient that each has, or its address.
        weights: the factor of each, or None.
        segment_ends: for each the place behind the last index of its row.
    """

    sorted_indices: Any
    gradient_rows: Any
    weights: Any
    segment_ends: Any

    @property
    def size(self) -> int:
        """The number of indices."""
        return int(self.sorted_indices.shape[0])


def group(contributions: Contributions) -> Groups:
    """Group indices by row; equal indices keep their order."""
    library = library_of(contributions.indices)
    sorted_indices, positions = library.sort(contributions.indices)
    gradient_rows = positions if contributions.gradient_rows is None else contributions.gradient_rows[positions]
    # Sorted as the indices are, they lie one after another when a segment is summed.
    weights = None if contributions.weights is None else contributions.weights[positions]
    return Groups(sorted_indices, gradient_rows, weights, library.searchsorted(sorted_indices, sorted_indices))


def first_places(groups: Groups, rows: int) -> Any:
    """For each row of a table the place of its first sorted index, or -1."""
    library = library_of(groups.sorted_indices)
    places = library.full((rows,), -1, "int32", groups.sorted_indices)
    if groups.size:
        arguments = [groups.sorted_indices, places, groups.size, rows]
        launch_kernel(library, mark(), -(-groups.size // BLOCK), arguments, BLOCK=BLOCK)
    return places


def sum_long_segments(gradient: Any, storage: str, groups: Groups, rows: int, width: int) -> Any:
    """The sums of the long segments; ``gradient`` is None if its rows are known by their addresses.

    The sum of a segment that begins at place k is row k // ``LONG``: two long segments never begin closer together.
    """
    library, compute = library_of(groups.sorted_indices), compute_type(storage)
    places = -(-groups.size // LONG)
    long_sums = library.empty((places * width,), compute, groups.sorted_indices)
    if groups.size > LONG:
        kernel, programs = long_segments_for(storage, compute), places * -(-width // COLUMNS)
        arguments = [gradient, *groups, groups.size, rows, long_sums]
        launch_kernel(library, kernel, programs, arguments, width=width, LONG=LONG, COLUMNS=COLUMNS, num_warps=1)
    return long_sums
