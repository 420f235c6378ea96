"""Arrays of a call that share memory."""

from collections.abc import Sequence

import numpy as np

from ..arrays.layout import Rows
from .locks import overlap


def apart(operator: str, names: Sequence[str], tables: Sequence[Rows], gradient: np.ndarray) -> np.ndarray:
    """The gradient, copied if it shares memory with a state.

    Raises:
        ValueError: two states share memory.
    """
    return gradient.copy() if shares_with_states(operator, names, tables, gradient) else gradient


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
