"""The loop of a deferred step: the rows that are named wake, then take the step with the sum of their gradients."""

from typing import Any

import triton.language as tl

from .catch_up_row import wake
from .grouping import first_of_row
from .span_words import remembered, update_rows_by_sums


def deferred_rows(
    states: Any,
    pitches: Any,
    gradient: Any,
    named: Any,
    order: Any,
    stops: Any,
    heavy: Any,
    count: Any,
    rows: Any,
    slept: Any,
    width: Any,
    MANY: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """A program goes through some of the indices; the first of each row takes step ``now``, whose scalars the history
    holds already."""
    history, _, _, _, lasts, now, _, _ = slept
    place = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    row, first = first_of_row(named, place, count, rows)
    wake(states, pitches, row, first, slept, width, COLUMNS)
    stop = tl.load(stops + place, mask=first, other=0).to(tl.int32)
    sums = (gradient, order, place, stop, heavy, MANY)
    update_rows_by_sums(states, pitches, row, first, sums, width, remembered(history, now), COLUMNS)
    tl.store(lasts + row, now + 1, mask=first)
