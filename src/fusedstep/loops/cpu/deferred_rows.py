"""The loop of a deferred step: the unique rows catch up, then take the step with the sum of their gradients."""

from .block import (
    FIRST_AT,
    GRADIENT,
    GRADIENT_ROW,
    HISTORY,
    HISTORY_ROW,
    LAST_STEPS,
    NOW,
    NUMBERS,
    ORDER_AT,
    PENDING,
    SLOTS_AT,
    SOURCES_AT,
    START,
    STEP_STORED,
    STEP_SUMMED,
    STOP,
    SUMS,
    SUMS_ROW,
    UNIQUE_ROWS,
    WIDTH,
)
from .catch_up_row import catch_up_row, prefetch_pending
from .gradient_rows import gradient_row_at
from .memory import int16s, int32s, int64s, take_step
from .row_prefetch import AHEAD


def deferred_rows(block: int) -> None:
    """Step ``now`` for the rows of the part, which are places in the order of the steps.

    The history already holds the numbers of the step, and the segment sums are computed.
    """
    call = int64s(block)
    first, slots, order, unique_rows = (
        int32s(call[FIRST_AT]),
        int32s(call[SLOTS_AT]),
        int32s(call[ORDER_AT]),
        int64s(call[UNIQUE_ROWS]),
    )
    with_stored, with_summed, width, stop = call[STEP_STORED], call[STEP_SUMMED], call[WIDTH], call[STOP]
    gradient, gradient_row, sums, sums_row = call[GRADIENT], call[GRADIENT_ROW], call[SUMS], call[SUMS_ROW]
    sources = call[SOURCES_AT]
    pending = int64s(call[PENDING])
    last_steps, now = int16s(pending[LAST_STEPS]), pending[NOW]
    numbers = pending[HISTORY] + now * pending[HISTORY_ROW] - block
    for place in range(call[START], stop):
        if place + AHEAD < stop:
            prefetch_pending(call, unique_rows[order[place + AHEAD]])
        number = order[place]
        row, slot = unique_rows[number], slots[number]
        catch_up_row(call, block, row)
        call[NUMBERS] = numbers
        if slot >= 0:
            take_step(with_summed, block, row, width, sums + slot * sums_row)
        else:
            source = gradient_row_at(sources, gradient, gradient_row, first[number])
            take_step(with_stored, block, row, width, source)
        last_steps[row] = now + 1
