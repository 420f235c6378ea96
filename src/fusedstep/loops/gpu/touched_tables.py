"""The loop over touched rows of many tables, which are grouped as one; see ``table_keys.py``."""

from typing import Any

import triton.language as tl

from .grouping import first_of_row
from .span_words import rows_at, update_rows_by_sums
from .table_keys import NO_KEY, ROW_BITS, ROW_MASK


def touched_tables(
    table: Any,
    gradient: Any,
    sorted_keys: Any,
    gradient_rows: Any,
    weights: Any,
    segment_ends: Any,
    long_sums: Any,
    count: Any,
    width: Any,
    scalars: Any,
    LONG: Any,
    RECORD: Any,
    ALIGNED: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """Step the rows whose first sorted key is among those of the program.

    ``table`` holds a record of ``RECORD`` addresses for each table, of its states. ``gradient`` is None.
    """
    place, number, row, first = rows_of_tables(sorted_keys, count, ROWS)
    states, row_strides = rows_at(table + number * RECORD, row, width, ALIGNED)
    stop = tl.load(segment_ends + place, mask=first, other=0).to(tl.int32)
    sums = (gradient, gradient_rows, weights, place, stop, long_sums, LONG)
    update_rows_by_sums(states, row_strides, row, first, sums, width, scalars, COLUMNS)


def rows_of_tables(sorted_keys: Any, count: Any, ROWS: Any) -> Any:
    """The program's places, for each the table and its row, and which are the first of a row."""
    place = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    key, first = first_of_row(sorted_keys, place, count, NO_KEY)
    # No masks are needed where every place has a record.
    key = tl.where(first, key, 0)
    return place, key >> ROW_BITS, key & ROW_MASK, first
