"""How a row takes its pending steps, with a zero gradient each."""

from typing import Any

from .block import CLOSED_FORM, HISTORY, HISTORY_ROW, LAST_STEPS, NOW, NUMBERS, PENDING, STEP_ZERO, WIDTH, WINDOW
from .memory import int16s, int64s, prefetch_to_write, take_closed_form, take_step
from .row_prefetch import prefetch_row

LAST_STEP_BYTES = 2


def catch_up_row(call: Any, block: int, row: int) -> None:
    """Brings a row from its last step to the last of all: in closed form where that serves, else step by step."""
    pending = int64s(call[PENDING])
    last_steps, now, closed_form = int16s(pending[LAST_STEPS]), pending[NOW], pending[CLOSED_FORM]
    last = last_steps[row]
    if last >= now:
        return
    last_steps[row] = now
    if closed_form and take_closed_form(closed_form, block, row, last, last, 1):
        return
    awake = min(now, last + pending[WINDOW])
    for step in range(last, awake):
        # The row is in the nearest cache by now: elements side by side are faster than steps in registers.
        call[NUMBERS] = pending[HISTORY] + step * pending[HISTORY_ROW] - block
        take_step(call[STEP_ZERO], block, row, call[WIDTH], 0)
    if awake < now:
        # After a whole window of steps nothing moves the variable any more: the totals of no steps, those of ``now``.
        take_closed_form(closed_form, block, row, awake, now, 0)


def prefetch_pending(call: Any, row: int) -> None:
    """Asks for the memory of a row that will catch up."""
    prefetch_to_write(int64s(call[PENDING])[LAST_STEPS] + LAST_STEP_BYTES * row)
    prefetch_row(call, row)
