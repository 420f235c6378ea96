"""The sums of duplicate rows, in the order of the indices, from each row's first gradient on. Needs no rule."""

from typing import Any

import numpy as np

from .grouping import FIRSTS, NUMBERS, OWNERS, SLOTS
from .span_words import add, copy, fetch_gradient

# How many gradients ahead of the sum memory is asked for.
AHEAD = 8


def duplicates(gradient: Any, width: int, groups: Any, thread: int, sums: Any) -> None:
    """Adds up the gradients of the rows that one thread owns."""
    mine = np.empty(groups.shape[1], np.int32)
    count = 0
    for position in range(mine.size):
        # Without a branch: whose row comes next cannot be predicted.
        mine[count] = position
        count += groups[OWNERS, groups[NUMBERS, position]] == thread
    for entry in range(count):
        if entry + AHEAD < count:
            fetch_gradient(gradient, mine[entry + AHEAD] * width, width)
        position = mine[entry]
        number = groups[NUMBERS, position]
        slot = groups[SLOTS, number]
        total = sums[slot * width : (slot + 1) * width]
        row = gradient[position * width : (position + 1) * width]
        if groups[FIRSTS, number] == position:
            copy(total, row)
        else:
            add(total, row)
