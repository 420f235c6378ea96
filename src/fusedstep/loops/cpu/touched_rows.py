"""The loop over touched rows: only the unique rows take the step, with the sum of their gradients."""

from .block import (
    FIRST_AT,
    GRADIENT,
    GRADIENT_ROW,
    ORDER_AT,
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
from .gradient_rows import gradient_row_at
from .memory import int32s, int64s, take_step
from .row_prefetch import AHEAD, prefetch_row


def touched_rows(block: int) -> None:
    """Step the rows of the part, which are places in the order of the steps. The segment sums are computed."""
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
    for place in range(call[START], stop):
        if place + AHEAD < stop:
            prefetch_row(call, unique_rows[order[place + AHEAD]])
        number = order[place]
        slot = slots[number]
        if slot >= 0:
            take_step(with_summed, block, unique_rows[number], width, sums + slot * sums_row)
        else:
            source = gradient_row_at(sources, gradient, gradient_row, first[number])
            take_step(with_stored, block, unique_rows[number], width, source)
