"""The loop over touched rows: only the rows that are named take the step, with the sum of their gradients."""

from typing import Any

import triton.language as tl

from .grouping import first_of_row
from .span_words import update_rows_by_sums


def touched_rows(
    states: Any,
    pitches: Any,
    gradient: Any,
    named: Any,
    order: Any,
    stops: Any,
    heavy: Any,
    count: Any,
    rows: Any,
    width: Any,
    scalars: Any,
    MANY: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """A program goes through some of the indices, which are sorted; the first of each row takes its step."""
    place = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    row, first = first_of_row(named, place, count, rows)
    stop = tl.load(stops + place, mask=first, other=0).to(tl.int32)
    update_rows_by_sums(
        states, pitches, row, first, (gradient, order, place, stop, heavy, MANY), width, scalars, COLUMNS
    )
