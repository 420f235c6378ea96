"""A first look at the indices, before anything is written. Needs no rule."""

from typing import Any

import numpy as np

from .grouping import place_of


def first_outside(indices: Any, rows: int) -> int:
    """The position of the first index that is no row of the table, or -1."""
    outside: Any = False
    for position in range(indices.size):
        outside |= np.uint64(indices[position]) >= np.uint64(rows)
    if outside:
        for position in range(indices.size):
            if indices[position] < 0 or indices[position] >= rows:
                return position
    return -1


def count_blocks(indices: Any, multiplier: int, shift: int, counts: Any) -> None:
    """Counts the indices in blocks of neighbouring places."""
    for position in range(indices.size):
        counts[place_of(indices[position], multiplier, shift)] += 1
