"""The rows that a gradient of bags names, each once, with the sums of their gradients."""

import math
from typing import NamedTuple

import numpy as np

from ..loops.cpu.grouping import SLOTS
from ..runtime.cpu.grouping import alloc_sums, in_row_order, sum_segments, with_every_row_summed
from ..runtime.cpu.parts import threads_for
from .bags import BagGradient
from .checks.bags import group_bags, view_bags


class MergedRows(NamedTuple):
    """Merged gradients.

    Attributes:
        rows: the rows, in ascending order.
        sums: the sum of the gradients of each, in the compute type.
    """

    rows: np.ndarray
    sums: np.ndarray


def merge_rows(operator: str, gradient: BagGradient, variable: str, shape: tuple[int, ...], storage: str) -> MergedRows:
    """Sum the gradients of each row, in the order of the indices.

    Args:
        operator, variable: what the gradient is for, for messages.
        gradient: a gradient in the memory of the host.
        shape, storage: the shape and the storage type of the variable.

    Raises:
        TypeError, ValueError, IndexError: the gradient is invalid.
    """
    bags = view_bags(operator, "grad", gradient, variable, shape, storage)
    groups = with_every_row_summed(group_bags(operator, bags, variable, shape[0]))
    order, width = in_row_order(groups, shape[0]), math.prod(shape[1:])
    groups.arrays[SLOTS, order] = np.arange(groups.distinct)
    sums = alloc_sums(bags.storage, groups, width)
    if sums.size:
        sum_segments(bags.gradient, bags.storage, groups, width, sums, threads_for(bags.gradient.size))
    return MergedRows(groups.unique_rows[order], sums.reshape(groups.distinct, *shape[1:]))
