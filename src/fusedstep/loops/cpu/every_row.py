"""The loop over every row: unique rows take the step with the sum of their gradients, others with a zero gradient."""

from typing import Any

from .block import (
    ASCENDING,
    FIRST_AT,
    FIRST_UNIQUE,
    GRADIENT,
    GRADIENT_ROW,
    LAST_UNIQUE,
    SLOTS_AT,
    SOURCES_AT,
    START,
    STEP_STORED,
    STEP_SUMMED,
    STEP_ZERO,
    STOP,
    SUMS,
    SUMS_ROW,
    UNBROKEN,
    UNIQUE_ROWS,
    WIDTH,
)
from .gradient_rows import gradient_row_at
from .memory import int32s, int64s, take_step


def every_row(block: int) -> None:
    """Step the rows of the part, in the order of memory."""
    call = int64s(block)
    first, slots, unique_rows, ascending = (
        int32s(call[FIRST_AT]),
        int32s(call[SLOTS_AT]),
        int64s(call[UNIQUE_ROWS]),
        int64s(call[ASCENDING]),
    )
    with_stored, with_summed, width = call[STEP_STORED], call[STEP_SUMMED], call[WIDTH]
    gradient, gradient_row, sums, sums_row = call[GRADIENT], call[GRADIENT_ROW], call[SUMS], call[SUMS_ROW]
    sources = call[SOURCES_AT]
    done = call[START]
    for place in range(call[FIRST_UNIQUE], call[LAST_UNIQUE]):
        number = ascending[place]
        row = unique_rows[number]
        # The rows between two unique rows are one long span.
        step_with_zero(call, block, done, row)
        slot = slots[number]
        if slot >= 0:
            take_step(with_summed, block, row, width, sums + slot * sums_row)
        else:
            source = gradient_row_at(sources, gradient, gradient_row, first[number])
            take_step(with_stored, block, row, width, source)
        done = row + 1
    step_with_zero(call, block, done, call[STOP])


def step_with_zero(call: Any, block: int, start: int, stop: int) -> None:
    """Step the rows from ``start`` to ``stop`` with a zero gradient."""
    if call[UNBROKEN]:
        if start < stop:
            take_step(call[STEP_ZERO], block, start, (stop - start) * call[WIDTH], 0)
    else:
        for row in range(start, stop):
            take_step(call[STEP_ZERO], block, row, call[WIDTH], 0)
