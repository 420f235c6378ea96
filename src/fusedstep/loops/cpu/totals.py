"""Where a row's summed gradient lies."""

from typing import Any

from .span_words import loaded


def total_of(number: int, gradient: Any, width: int, firsts: Any, slots: Any, sums: Any, spare: int) -> Any:
    """The sum of a row that has several gradients, else its gradient, loaded into slot ``spare`` if need be."""
    slot = slots[number]
    if slot >= 0:
        return sums[slot * width : (slot + 1) * width]
    alone = gradient[firsts[number] * width : (firsts[number] + 1) * width]
    return loaded(alone, sums[spare * width : (spare + 1) * width])
