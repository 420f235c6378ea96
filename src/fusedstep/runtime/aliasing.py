"""Arrays of a call that share memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays.address import address_of
from ..arrays.layout import Rows, as_array
from .locks import overlap


def ensure_no_alias(operator: str, names: Sequence[str], tables: Sequence[Rows], memory: Any) -> np.ndarray:
    """The gradient's elements, copied if it shares memory with a state.

    Raises:
        ValueError: two states share memory.
    """
    gradient: np.ndarray = as_array(memory).reshape(-1)
    arrays = [*(table.flat for table in tables), gradient]
    ranges, end = sorted((address_of(each), each.nbytes) for each in arrays), 0
    for start, size in ranges:
        if start < end and size:
            # The ranges overlap, gaps between rows included. Only now the exact check is worth its time.
            return gradient.copy() if shares_with_states(operator, names, tables, gradient) else gradient
        end = max(end, start + size)
    return gradient


def shares_with_states(operator: str, names: Sequence[str], tables: Sequence[Rows], gradient: np.ndarray) -> bool:
    """Return whether the gradient shares memory with a state.

    Raises:
        ValueError: two states share memory.
    """
    views = [table.table() for table in tables]
    for number, view in enumerate(views):
        for other in range(number):
            if overlap(view, views[other]):
                raise ValueError(
                    f"{operator}: {names[number]} and {names[other]} share memory, expected separate arrays; "
                    "pass a copy of one"
                )
    return any(overlap(view, gradient) for view in views)
