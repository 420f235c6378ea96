"""The loop of a deferred step: unique rows catch up, then take the step with the sum of their gradients."""

from typing import Any

import triton.language as tl

from .catch_up_row import catch_up_row
from .grouping import first_of_row
from .span_words import update_rows_by_sums


def deferred_rows(
    states: Any,
    row_strides: Any,
    gradient: Any,
    sorted_indices: Any,
    gradient_rows: Any,
    weights: Any,
    segment_ends: Any,
    long_sums: Any,
    count: Any,
    rows: Any,
    pending: Any,
    width: Any,
    scalars: Any,
    LONG: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """Step the rows whose first sorted index is among those of the program. The step is appended afterwards."""
    _, _, _, _, last_steps, now, _, _ = pending
    place = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    row, first = first_of_row(sorted_indices, place, count, rows)
    catch_up_row(states, row_strides, row, first, pending, width, COLUMNS)
    stop = tl.load(segment_ends + place, mask=first, other=0).to(tl.int32)
    sums = (gradient, gradient_rows, weights, place, stop, long_sums, LONG)
    update_rows_by_sums(states, row_strides, row, first, sums, width, scalars, COLUMNS)
    tl.store(last_steps + row, now + 1, mask=first)
