"""Which rows sorted indices name. Needs no rule."""

from typing import Any

import triton.language as tl


def first_of_row(named: Any, place: Any, count: Any, rows: Any) -> Any:
    """The rows that sorted indices name, and which of the indices are the first of a row that there is."""
    row = tl.load(named + place, mask=place < count, other=-1)
    before = tl.load(named + place - 1, mask=(place < count) & (place > 0), other=-1)
    return row, (row != before) & (row >= 0) & (row < rows)


def mark(named: Any, count: Any, places: Any, rows: Any, BLOCK: Any) -> None:
    """Writes, for each row that is named, the place of its first index."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row, first = first_of_row(named, place, count, rows)
    tl.store(places + row, place, mask=first)
