"""The sums of duplicate rows, in the order of the indices, from each row's first gradient on. Needs no rule."""

from typing import Any

from .grouping import FIRSTS, NUMBERS, SLOTS
from .span_words import add, copy, fetch_gradient

# How many gradients ahead of the sum memory is asked for.
SUMS_AHEAD = 64
# Memory streams faster than it skips: up to so many gradients of others are asked for along with the next of one's own.
GAP = 3


def duplicates(gradient: Any, width: int, groups: Any, mine: Any, first: int, last: int, sums: Any) -> None:
    """Adds up the gradients of the rows whose sums lie in the slots ``first`` to ``last``; ``mine`` is scratch, with a
    place for every gradient."""
    count = 0
    for position in range(mine.size):
        # Without a branch: whose row comes next cannot be predicted.
        mine[count] = position
        slot = groups[SLOTS, groups[NUMBERS, position]]
        count += (slot >= first) & (slot < last)
    fetched = 0
    for entry in range(count):
        if entry + SUMS_AHEAD < count:
            ahead = mine[entry + SUMS_AHEAD]
            if ahead - fetched <= GAP:
                fetch_gradient(gradient, fetched * width, (ahead - fetched) * width)
            fetch_gradient(gradient, ahead * width, width)
            fetched = ahead + 1
        position = mine[entry]
        number = groups[NUMBERS, position]
        slot = groups[SLOTS, number]
        total = sums[slot * width : (slot + 1) * width]
        row = gradient[position * width : (position + 1) * width]
        if groups[FIRSTS, number] == position:
            copy(total, row)
        else:
            add(total, row)
