"""The unique rows of sorted indices. Needs no rule."""

from typing import Any

import triton.language as tl


def first_of_row(sorted_indices: Any, place: Any, count: Any, rows: Any) -> Any:
    """The rows of sorted indices, and which of these indices are the first of a row that exists."""
    row = tl.load(sorted_indices + place, mask=place < count, other=-1)
    before = tl.load(sorted_indices + place - 1, mask=(place < count) & (place > 0), other=-1)
    return row, (row != before) & (row >= 0) & (row < rows)


def mark(sorted_indices: Any, count: Any, places: Any, rows: Any, BLOCK: Any) -> None:
    """Write the place of the first sorted index of each unique row."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row, first = first_of_row(sorted_indices, place, count, rows)
    tl.store(places + row, place, mask=first)
