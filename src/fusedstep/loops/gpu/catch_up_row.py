"""How rows take their pending steps, with a zero gradient each."""

from typing import Any

import triton.language as tl

from .span_words import apply_closed_form, closed_form_valid, idle_rows, load_scalars, totals_at


def catch_up_row(
    states: Any,
    row_strides: Any,
    row: Any,
    present: Any,
    pending: Any,
    width: Any,
    COLUMNS: Any,
) -> None:
    """Brings rows from their last step to step ``now``: in closed form where that is valid, else step by step.

    Args:
        pending: the scalars of each step; what the closed form needs, since each step; the same where a whole window of
            steps was taken one by one, after which nothing moves the variable; the length of both; the last step of
            each row; the step that comes; the window; whether the closed form holds.
    """
    history, kept, settled, stride, last_steps, now, window, closed = pending
    last = tl.load(last_steps + row, mask=present, other=0).to(tl.int32)
    asleep = present & (last < now)
    if tl.max(tl.max(asleep.to(tl.int32), axis=1), axis=0) > 0:
        replayed = asleep
        if closed > 0:
            known = totals_at(kept, stride, last, asleep)
            served = asleep & closed_form_valid(states, row_strides, row, asleep, width, known, COLUMNS)
            apply_closed_form(states, row_strides, row, served, width, known, COLUMNS)
            replayed = asleep & (served == 0)
        awake = tl.where(last + window < now, last + window, now)
        first = tl.min(tl.min(tl.where(replayed, last, now), axis=1), axis=0)
        end = tl.max(tl.max(tl.where(replayed, awake, 0), axis=1), axis=0)
        for step in range(first, end):
            # What one thread has stored, another may load.
            tl.debug_barrier()
            taking = replayed & (last <= step) & (step < awake)
            idle_rows(states, row_strides, row, taking, width, load_scalars(history, step), COLUMNS)
        tl.debug_barrier()
        settling = replayed & (awake < now)
        if closed > 0:
            apply_closed_form(
                states, row_strides, row, settling, width, totals_at(settled, stride, awake, settling), COLUMNS
            )
        tl.debug_barrier()
