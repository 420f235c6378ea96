"""The loops that wake rows: those that are named, or all of them."""

from typing import Any

import triton.language as tl

from .catch_up_row import wake
from .grouping import first_of_row


def catch_up(
    states: Any,
    pitches: Any,
    named: Any,
    count: Any,
    rows: Any,
    slept: Any,
    width: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """A program goes through some of the indices, which are sorted; the first of each row wakes it."""
    place = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    row, first = first_of_row(named, place, count, rows)
    wake(states, pitches, row, first, slept, width, COLUMNS)
    _, _, _, _, lasts, now, _, _ = slept
    tl.store(lasts + row, now, mask=first)
