"""The pending steps of a row, each with a zero gradient."""

from typing import Any

from .block import CLOSED_FORM, HISTORY, HISTORY_ROW, LAST_STEPS, NOW, NUMBERS, PENDING, STEP_ZERO, WIDTH, WINDOW
from .memory import int16s, int64s, prefetch_to_write, take_closed_form, take_step
from .row_prefetch import prefetch_row

LAST_STEP_BYTES = 2


def catch_up_row(call: Any, block: int, row: int) -> None:
    """Apply the pending steps of a row: by the closed form where it is valid, else one by one."""
    pending = int64s(call[PENDING])
    last_steps, now, closed_form = int16s(pending[LAST_STEPS]), pending[NOW], pending[CLOSED_FORM]
    last = last_steps[row]
    if last >= now:
        return
    last_steps[row] = now
    if closed_form and take_closed_form(closed_form, block, row, last, last, 1):
        return
    replayed = min(now, last + pending[WINDOW])
    for step in range(last, replayed):
        # The row is in the nearest cache: vectors of elements are faster than steps in registers.
        call[NUMBERS] = pending[HISTORY] + step * pending[HISTORY_ROW] - block
        take_step(call[STEP_ZERO], block, row, call[WIDTH], 0)
    if replayed < now:
        # After a whole window nothing moves the variable: the moved totals are those of no steps, as at ``now``.
        take_closed_form(closed_form, block, row, replayed, now, 0)


def prefetch_pending(call: Any, row: int) -> None:
    """Prefetch a row that will catch up, and its last step."""
    prefetch_to_write(int64s(call[PENDING])[LAST_STEPS] + LAST_STEP_BYTES * row)
    prefetch_row(call, row)
