"""The loops over unique rows whose gradients are summed right before the step, in the nearest cache.

The positions of the indices are sorted by row; see ``table_step``.
"""

from typing import Any

from .block import (
    ADD_TO_SUM,
    COUNT,
    COUNTS_AT,
    ENDS_AT,
    GRADIENT,
    GRADIENT_ROW,
    HISTORY,
    HISTORY_ROW,
    LAST_STEPS,
    LOAD_SUM,
    NOW,
    NUMBERS,
    PENDING,
    POSITIONS,
    SOURCES_AT,
    STEP_STORED,
    STEP_SUMMED,
    STEP_ZERO,
    STOP,
    SUMS,
    SUMS_ROW,
    TABLE_ROWS,
    UNIQUE_ROWS,
    WEIGHTS_AT,
    WIDTH,
)
from .catch_up_row import catch_up_row, prefetch_pending
from .every_row import step_with_zero
from .gradient_rows import gradient_row_at
from .memory import int16s, int32s, int64s, prefetch_to_read, take_step, take_sum, take_weighted_sum
from .row_prefetch import AHEAD, CACHE_LINE, LINES, prefetch_row

# Gradients are prefetched this many gradients ahead.
GRADIENTS_AHEAD = 8


def summed_rows(block: int) -> None:
    """Step the unique rows; if ``STEP_ZERO`` is given, in the order of memory, the rows between them with it."""
    call = int64s(block)
    unique_rows, stop, every_row, done = int64s(call[UNIQUE_ROWS]), call[STOP], call[STEP_ZERO], 0
    for number in range(stop):
        if number + AHEAD < stop:
            prefetch_row(call, unique_rows[number + AHEAD])
        row = unique_rows[number]
        if every_row:
            step_with_zero(call, block, done, row)
            done = row + 1
        sum_and_step(call, block, number, row)
    if every_row:
        step_with_zero(call, block, done, call[TABLE_ROWS])


def summed_pending_rows(block: int) -> None:
    """The same for deferred rows: each catches up, then takes step ``NOW``, whose numbers the history holds."""
    call = int64s(block)
    unique_rows, stop, pending = int64s(call[UNIQUE_ROWS]), call[STOP], int64s(call[PENDING])
    last_steps, now = int16s(pending[LAST_STEPS]), pending[NOW]
    numbers = pending[HISTORY] + now * pending[HISTORY_ROW] - block
    for number in range(stop):
        if number + AHEAD < stop:
            prefetch_pending(call, unique_rows[number + AHEAD])
        row = unique_rows[number]
        catch_up_row(call, block, row)
        call[NUMBERS] = numbers
        sum_and_step(call, block, number, row)
        last_steps[row] = now + 1


def sum_and_step(call: Any, block: int, number: int, row: int) -> None:
    """Step a unique row with the sum of its gradients, in the order of the indices."""
    positions, sources, weights = int32s(call[POSITIONS]), call[SOURCES_AT], call[WEIGHTS_AT]
    gradient, gradient_row, count = call[GRADIENT], call[GRADIENT_ROW], call[COUNT]
    width, sums, take = call[WIDTH], call[SUMS], call[LOAD_SUM]
    stop = int32s(call[ENDS_AT])[number]
    start = stop - int32s(call[COUNTS_AT])[number]
    several = stop - start > 1 or weights
    for entry in range(start, stop):
        if entry + GRADIENTS_AHEAD < count:
            later = gradient_row_at(sources, gradient, gradient_row, positions[entry + GRADIENTS_AHEAD])
            for line in range(0, min(gradient_row, LINES * CACHE_LINE), CACHE_LINE):
                prefetch_to_read(later + line)
        source = gradient_row_at(sources, gradient, gradient_row, positions[entry])
        if weights:
            # A factor has the type of a sum.
            take_weighted_sum(take, sums, source, width, weights + positions[entry] * (call[SUMS_ROW] // width))
        elif several:
            take_sum(take, sums, source, width)
        else:
            take_step(call[STEP_STORED], block, row, width, source)
        take = call[ADD_TO_SUM]
    if several:
        take_step(call[STEP_SUMMED], block, row, width, sums)
