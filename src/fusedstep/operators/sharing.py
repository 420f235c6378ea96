"""Arrays of a call that share memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays.address import address_of
from ..arrays.layout import Rows, as_array
from .locks import overlap


def ensure_apart(operator: str, names: Sequence[str], tables: Sequence[Rows], gradient: np.ndarray) -> np.ndarray:
    """The gradient, copied if it shares memory with a state.

    Raises:
        ValueError: two states share memory.
    """
    return gradient.copy() if shares_with_states(operator, names, tables, gradient) else gradient


def apart(operator: str, names: Sequence[str], tables: Sequence[Rows], memory: Any) -> np.ndarray:
    """The same, which looks closer only where the arrays lie near each other.

    Raises:
        ValueError: two states share memory.
    """
    gradient = as_array(memory).reshape(-1)
    arrays = [*(table.flat for table in tables), gradient]
    stretches, end = sorted((address_of(each), each.nbytes) for each in arrays), 0
    for start, size in stretches:
        if start < end and size:
            return ensure_apart(operator, names, tables, gradient)
        end = max(end, start + size)
    return gradient


def shares_with_states(operator: str, names: Sequence[str], tables: Sequence[Rows], gradient: np.ndarray) -> bool:
    """Whether the gradient shares memory with a state.

    Raises:
        ValueError: two states share memory.
    """
    views = [table.table() for table in tables]
    for number, view in enumerate(views):
        for other in range(number):
            if overlap(view, views[other]):
                raise ValueError(
                    f"{operator}: {names[number]} and {names[other]} share memory, expected arrays of their own; "
                    "pass a copy of one"
                )
    return any(overlap(view, gradient) for view in views)
