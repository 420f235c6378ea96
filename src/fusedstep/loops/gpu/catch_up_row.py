"""The pending steps of rows, each with a zero gradient."""

from typing import Any

import triton.language as tl

from .span_words import apply_closed_form, closed_form_valid, idle_rows, load_scalars, totals_at


def note_step(last_steps: Any, row: Any, present: Any, now: Any) -> None:
    """Note that rows have taken the steps before ``now``; those that a step has gone on with stay."""
    # Rows that are up to date are not stored: threads that find nothing to do pass no barrier.
    last = tl.load(last_steps + row, mask=present, other=0)
    tl.store(last_steps + row, now, mask=present & (last < now))


def catch_up_row(
    states: Any,
    row_strides: Any,
    row: Any,
    present: Any,
    pending: Any,
    width: Any,
    COLUMNS: Any,
) -> None:
    """Apply the pending steps of rows: by the closed form where it is valid, else one by one.

    Args:
        pending: the numbers of each step; the numbers of the closed form since each step; the same after a replayed
            window, when nothing moves the variable; the length of both; the last step of each row; the next step; the
            window; whether there is a closed form.
    """
    history, kept, settled, stride, last_steps, now, window, closed = pending
    last = tl.load(last_steps + row, mask=present, other=0).to(tl.int32)
    behind = present & (last < now)
    if tl.max(tl.max(behind.to(tl.int32), axis=1), axis=0) > 0:
        replayed = behind
        if closed > 0:
            known = totals_at(kept, stride, last, behind)
            valid = behind & closed_form_valid(states, row_strides, row, behind, width, known, COLUMNS)
            apply_closed_form(states, row_strides, row, valid, width, known, COLUMNS)
            replayed = behind & (valid == 0)
        replayed_to = tl.where(last + window < now, last + window, now)
        first = tl.min(tl.min(tl.where(replayed, last, now), axis=1), axis=0)
        end = tl.max(tl.max(tl.where(replayed, replayed_to, 0), axis=1), axis=0)
        for step in range(first, end):
            # A thread may load what another has stored.
            tl.debug_barrier()
            taking = replayed & (last <= step) & (step < replayed_to)
            idle_rows(states, row_strides, row, taking, width, load_scalars(history, step), COLUMNS)
        tl.debug_barrier()
        settling = replayed & (replayed_to < now)
        if closed > 0:
            apply_closed_form(
                states, row_strides, row, settling, width, totals_at(settled, stride, replayed_to, settling), COLUMNS
            )
        tl.debug_barrier()
