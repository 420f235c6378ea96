"""The loop over every row: the rows that are named take the step with their sum, all others with a zero gradient."""

from typing import Any

import triton.language as tl

from .span_words import idle_rows, update_rows_by_sums


def every_row(
    states: Any,
    pitches: Any,
    gradient: Any,
    places: Any,
    order: Any,
    stops: Any,
    heavy: Any,
    rows: Any,
    width: Any,
    scalars: Any,
    MANY: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """A program's rows take the step; ``places`` holds, for each row, where it is first named, or -1."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    present = row < rows
    place = tl.load(places + row, mask=present, other=-1)
    if tl.max(tl.max(place, axis=1), axis=0) < 0:
        idle_rows(states, pitches, row, present, width, scalars, COLUMNS)
    else:
        stop = tl.load(stops + place, mask=place >= 0, other=-1).to(tl.int32)
        # A row that is not named has no gradients: the sum of none is zero.
        update_rows_by_sums(
            states, pitches, row, present, (gradient, order, place, stop, heavy, MANY), width, scalars, COLUMNS
        )
