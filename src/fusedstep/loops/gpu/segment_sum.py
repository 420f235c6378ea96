"""The sums of duplicate rows, in the order of the indices, from each row's first gradient on."""

from typing import Any

import triton.language as tl

from .span_words import load_gradient

# How many gradients of a row are asked for at once, before they are added one after another.
AHEAD = tl.constexpr(4)


def segment_sum(sums: Any, here: Any, columns: Any, width: Any) -> Any:
    """The sums of the gradients of some rows.

    Args:
        sums: the gradient, the positions of gradients in the order of their rows, for each row where its positions
            start there, and stop, and the sums that are made already: those of rows with more than so many gradients.
        here: which elements are there.
        columns: the columns of the tile.
        width: elements in a row.
    """
    gradient, positions, place, stop, long_sums, long = sums
    count = stop - place
    position = tl.load(positions + place, mask=place < stop, other=0)
    total = load_gradient(gradient + (position * width + columns), here & (place < stop))
    longest = tl.max(tl.max(tl.where(count > long, 1, count), axis=1), axis=0)
    for begin in range(1, longest, AHEAD):
        for step in tl.static_range(AHEAD):
            more = begin + step < count
            position = tl.load(positions + (place + begin + step), mask=more, other=0)
            added = load_gradient(gradient + (position * width + columns), here & more)
            # Nothing is added where nothing is left: even zero would change the sign of another.
            total = tl.where(more, total + added, total)
    if tl.max(tl.max(count, axis=1), axis=0) > long:
        made = tl.load(
            long_sums + ((place // long).to(tl.int64) * width + columns), mask=here & (count > long), other=0
        )
        total = tl.where(count > long, made, total)
    return total
