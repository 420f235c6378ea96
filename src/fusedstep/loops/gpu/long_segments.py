"""The sums of long segments, by their own programs: in a program with other rows, these would wait for a long one."""

from typing import Any

import triton.language as tl

from .gradient_rows import gradient_places
from .grouping import first_of_row
from .span_words import load_gradient
from .weighting import weighted

# Gradients that are loaded at once, then added one after another.
AT_ONCE = tl.constexpr(32)


def long_segments(
    gradient: Any,
    sorted_indices: Any,
    gradient_rows: Any,
    weights: Any,
    segment_ends: Any,
    count: Any,
    rows: Any,
    long_sums: Any,
    width: Any,
    LONG: Any,
    COLUMNS: Any,
) -> None:
    """Sum some columns of the long segment that begins among ``LONG`` indices, if one does."""
    # In one dimension, since devices allow few programs in others.
    parts = (width + COLUMNS - 1) // COLUMNS
    place = tl.program_id(0) // parts * LONG + tl.arange(0, LONG)
    _, first = first_of_row(sorted_indices, place, count, rows)
    stop = tl.load(segment_ends + place, mask=first, other=0).to(tl.int32)
    begin = tl.max(tl.where(first & (stop - place > LONG), place, -1), axis=0)
    if begin >= 0:
        end = tl.load(segment_ends + begin).to(tl.int32)
        columns = tl.program_id(0) % parts * COLUMNS + tl.arange(0, COLUMNS)
        here = columns < width
        total = load_gradient(gradient_places(gradient, tl.load(gradient_rows + begin), columns, width), here)
        total = weighted(total, weights, begin, begin >= 0)
        for start in range(begin + 1, end, AT_ONCE):
            for step in tl.static_range(AT_ONCE):
                more = start + step < end
                gradient_row = tl.load(gradient_rows + (start + step), mask=more, other=0)
                added = load_gradient(gradient_places(gradient, gradient_row, columns, width), here & more)
                added = weighted(added, weights, start + step, more)
                total = tl.where(more, total + added, total)
        tl.store(long_sums + ((begin // LONG).to(tl.int64) * width + columns), total, mask=here)
