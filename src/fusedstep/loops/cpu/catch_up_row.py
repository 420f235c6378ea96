"""How a row takes the steps that it has slept through, with a zero gradient each."""

from typing import Any

from .block import CLOSED_FORM, HISTORY, HISTORY_ROW, LASTS, NOW, NUMBERS, SLEPT, STEP_ZERO, WIDTH, WINDOW
from .memory import int16s, int64s, prefetch_to_write, take_closed_form, take_step
from .row_prefetch import prefetch_row

LAST_BYTES = 2


def wake(call: Any, block: int, row: int) -> None:
    """Brings a row from its last step to the last of all: in closed form where that serves, else step by step."""
    slept = int64s(call[SLEPT])
    lasts, now, closed_form = int16s(slept[LASTS]), slept[NOW], slept[CLOSED_FORM]
    last = lasts[row]
    if last >= now:
        return
    lasts[row] = now
    if closed_form and take_closed_form(closed_form, block, row, last, last, 1):
        return
    awake = min(now, last + slept[WINDOW])
    for step in range(last, awake):
        # The row is in the nearest cache by now: elements side by side are faster than steps in registers.
        call[NUMBERS] = slept[HISTORY] + step * slept[HISTORY_ROW] - block
        take_step(call[STEP_ZERO], block, row, call[WIDTH], 0)
    if awake < now:
        # After a whole window of steps nothing moves the variable any more: the totals of no steps, those of ``now``.
        take_closed_form(closed_form, block, row, awake, now, 0)


def prefetch_sleeper(call: Any, row: int) -> None:
    """Asks for the memory of a row that is to wake."""
    prefetch_to_write(int64s(call[SLEPT])[LASTS] + LAST_BYTES * row)
    prefetch_row(call, row)
