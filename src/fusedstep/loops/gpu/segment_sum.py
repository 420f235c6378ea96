"""Segment sums: the sum of the gradients that share a row, in the order of the indices."""

from typing import Any

import triton.language as tl

from .gradient_rows import gradient_places
from .span_words import load_gradient
from .weighting import weighted

# Gradients of a row that are loaded at once, then added one after another.
AHEAD = tl.constexpr(4)


def segment_sum(sums: Any, here: Any, columns: Any, width: Any) -> Any:
    """The sums of the gradients of some rows.

    Args:
        sums: the gradient, or None; for each sorted index the row of the gradient that it has, without one the address
            of that row, and its weight, or None for weights of 1; for each row the place of its first index and the
            end of its segment; the sums of long segments; the length above which one is long.
        here: which elements of the tile exist.
        columns: the columns of the tile.
        width: elements in a row.
    """
    gradient, gradient_rows, weights, place, stop, long_sums, long = sums
    count = stop - place
    gradient_row = tl.load(gradient_rows + place, mask=place < stop, other=0)
    total = load_gradient(gradient_places(gradient, gradient_row, columns, width), here & (place < stop))
    total = weighted(total, weights, place, place < stop)
    longest = tl.max(tl.max(tl.where(count > long, 1, count), axis=1), axis=0)
    for begin in range(1, longest, AHEAD):
        for step in tl.static_range(AHEAD):
            more = begin + step < count
            gradient_row = tl.load(gradient_rows + (place + begin + step), mask=more, other=0)
            added = load_gradient(gradient_places(gradient, gradient_row, columns, width), here & more)
            added = weighted(added, weights, place + begin + step, more)
            # Where no gradient is left nothing is added: even zero would change the sign of a zero.
            total = tl.where(more, total + added, total)
    if tl.max(tl.max(count, axis=1), axis=0) > long:
        summed = tl.load(
            long_sums + ((place // long).to(tl.int64) * width + columns), mask=here & (count > long), other=0
        )
        total = tl.where(count > long, summed, total)
    return total
