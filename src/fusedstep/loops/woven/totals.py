"""Where a row's summed gradient lies."""

from typing import Any

from .groups import FIRSTS, SLOTS
from .span_words import loaded


def total_of(number: int, gradient: Any, width: int, groups: Any, sums: Any, spare: int) -> Any:
    """The sum of a row that has several gradients, else its gradient, loaded into slot ``spare`` if need be."""
    slot = groups[SLOTS, number]
    if slot >= 0:
        return sums[slot * width : (slot + 1) * width]
    first = groups[FIRSTS, number]
    return loaded(gradient[first * width : (first + 1) * width], sums[spare * width : (spare + 1) * width])
