"""The loop over touched rows of many tables, each with its own numbers of the step."""

from typing import Any

import triton.language as tl

from .span_words import load_scalars, rows_at, update_rows_by_sums
from .touched_tables import rows_of_tables


def touched_tables_by_numbers(
    table: Any,
    gradient: Any,
    sorted_keys: Any,
    gradient_rows: Any,
    weights: Any,
    segment_ends: Any,
    long_sums: Any,
    count: Any,
    numbers: Any,
    width: Any,
    LONG: Any,
    RECORD: Any,
    ALIGNED: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """Step the rows whose first sorted key is among those of the program; see ``touched_tables``.

    ``numbers`` holds a row for each table.
    """
    place, number, row, first = rows_of_tables(sorted_keys, count, ROWS)
    states, row_strides = rows_at(table + number * RECORD, row, width, ALIGNED)
    stop = tl.load(segment_ends + place, mask=first, other=0).to(tl.int32)
    sums = (gradient, gradient_rows, weights, place, stop, long_sums, LONG)
    scalars = load_scalars(numbers, number)
    update_rows_by_sums(states, row_strides, row, first, sums, width, scalars, COLUMNS)
