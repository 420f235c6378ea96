"""The loop that forgets the pending steps of all rows, which have taken them."""

from typing import Any

import triton.language as tl


def forget(last_steps: Any, rows: Any, step: Any, pending: Any, due: Any, BLOCK: Any) -> None:
    """Let rows count their steps from zero; one launch does so for the rows and for the number of pending steps.

    Whatever interrupts Python between two launches so finds both as before, or both as after.

    Args:
        last_steps, rows: the last step of each row, and how many there are.
        step, pending, due: rows of the record, see ``codegen/gpu/weave_history.py``. If ``due`` has no steps, rows stay
            as they are, and what may be pending is from now on what ``step`` says; None for both forgets all steps.
    """
    forgotten = tl.full((), 1, tl.int32)
    if due is not None:
        forgotten = tl.load(due)
    if forgotten > 0:
        for first in range(tl.program_id(0) * BLOCK, rows, tl.num_programs(0) * BLOCK):
            row = first + tl.arange(0, BLOCK)
            tl.store(last_steps + row, 0, mask=row < rows)
    if tl.program_id(0) == 0:
        if step is None:
            tl.store(pending, 0)
        else:
            for field in tl.static_range(3):
                tl.store(pending + field, tl.load(step + field))
