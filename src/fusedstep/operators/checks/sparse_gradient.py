"""Check a sparse gradient, of rows or of bags, and group it by row."""

from typing import Any, NamedTuple

from ...arrays.layout import Rows
from ...runtime.cpu.grouping import Groups
from ..bags import BagGradient
from .arrays import view_gradient
from .bags import group_bags, view_bags
from .indices import copy_indices, group_indices


class SparseGradient(NamedTuple):
    """A checked gradient of some rows of a table.

    Attributes:
        gradient: the memory of its elements, see ``view_gradient`` and ``BagRows``.
        storage: their storage type.
        groups: the rows that it names.
    """

    gradient: Any
    storage: str
    groups: Groups


def view_sparse(
    operator: str,
    name: str,
    gradient: Any,
    indices: Any,
    variable: str,
    shape: tuple[int, ...],
    beside: str,
    table: Rows,
) -> SparseGradient:
    """Check the gradient of some rows; see ``view_gradient`` and ``view_bags``.

    Args:
        operator, name: the operator and its gradient, for messages.
        gradient, indices: one gradient row for each index; or a ``BagGradient``, and None.
        variable, shape, beside, table: the variable, its shape, its storage type and its rows.

    Raises:
        IndexError: an index names no row of the variable.
    """
    if isinstance(gradient, BagGradient):
        bags = view_bags(operator, name, gradient, variable, shape, beside)
        return SparseGradient(bags.gradient, bags.storage, group_bags(operator, bags, variable, table.rows))
    snapshot = copy_indices(operator, indices, variable, shape)
    memory, storage = view_gradient(operator, name, gradient, (snapshot.size, *shape[1:]), beside)
    return SparseGradient(memory, storage, group_indices(operator, indices, snapshot, variable, table))
