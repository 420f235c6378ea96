"""A checked call on deferred rows: its blocks, span functions and loops."""

from array import array
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...arrays.address import address_of
from ...loops.cpu.block import (
    CLOSED_FORM,
    COUNT,
    HELD,
    HISTORY,
    HISTORY_ROW,
    ITEM,
    LAST_STEPS,
    NOW,
    NUMBERS,
    ORDER_AT,
    PENDING,
    PENDING_FIELDS,
    STEP_ROWS,
    STEP_ZERO,
    TOTALS,
    TOTALS_ROW,
    UNIQUE_ROWS,
    WINDOW,
)
from ...loops.cpu.grouping import ORDER
from ..history import History
from . import loops, span_call
from .grouping import Groups, run_loop
from .launch import Part
from .span_call import SpanCall
from .table_steps import TableStep

# Catching up and flushing take no gradient.
NO_GRADIENT = np.empty(0)


class DeferredCall:
    """The parts of a call on deferred rows; all its functions are compiled.

    Attributes:
        call: the same call without pending steps.
        gradient: its gradient.
        loop: its loop.
        history: the pending steps of rows.
        last_steps: the last step of each row.
        zero, closed_form: the addresses of the functions for pending steps; 0 without a closed form.
    """

    def __init__(
        self,
        call: SpanCall,
        name: str,
        history: History,
        last_steps: np.ndarray,
        switches: tuple[tuple[str, bool], ...],
    ) -> None:
        self.call, self.gradient, self.history, self.last_steps = call, call.gradient, history, last_steps
        self.loop, self.zero = loops.loop(name), call.functions.zero
        self.closed_form = call.functions.closed_form(history.closed_form, switches) if history.closed_form else 0

    def remember(self) -> None:
        """Write the numbers of the next step into the history."""
        numbers, block = self.history.numbers, self.call.block[:]
        block_at = block.buffer_info()[0]
        block[NUMBERS] = address_of(numbers) + self.history.steps * numbers.strides[0] - block_at
        self.call.functions.evaluate_and_compare(block_at)

    def step(self, groups: Groups, part: Part) -> Callable[[], None]:
        """The step of the unique rows at some places of their order."""
        block, memory = self.pending_block(part.start, part.stop)
        span_call.add_groups(block, self.call.functions, groups, part.sums)
        block[ORDER_AT] = groups.at(ORDER)
        return partial(run_loop, self.loop, block, (memory, groups, part.sums))

    def catch_up(self, listed: np.ndarray, count: int, start: int, stop: int) -> Callable[[], None]:
        """Catch up the first ``count`` rows of a list, as far as they lie in some buckets."""
        block, memory = self.pending_block(start, stop)
        block[UNIQUE_ROWS], block[COUNT] = address_of(listed), count
        return partial(run_loop, self.loop, block, (memory, listed))

    def flush(self, start: int, stop: int) -> Callable[[], None]:
        """Catch up rows in the order of memory."""
        return partial(run_loop, self.loop, *self.pending_block(start, stop))

    def pending_block(self, start: int, stop: int) -> tuple["array[int]", Any]:
        """The block of a part, and the objects to which it refers."""
        history, block = self.history, self.call.part(start, stop)
        pending = pending_record(history, self.last_steps, self.closed_form)
        block[PENDING], block[STEP_ZERO] = pending.buffer_info()[0], self.zero
        return block, (self, pending, history.numbers, history.totals)


def pending_record(history: History, last_steps: np.ndarray, closed_form: int) -> "array[int]":
    """The record of the pending steps of a table's rows; ``closed_form`` is an address, or 0."""
    pending = array("q", bytes(ITEM * PENDING_FIELDS))
    pending[HISTORY], pending[HISTORY_ROW] = address_of(history.numbers), history.numbers.strides[0]
    pending[TOTALS], pending[TOTALS_ROW] = address_of(history.totals), history.totals.strides[0]
    pending[HELD], pending[LAST_STEPS] = address_of(history.held), address_of(last_steps)
    pending[NOW], pending[WINDOW] = history.steps, history.window
    pending[CLOSED_FORM] = closed_form if history.closed else 0
    return pending


def with_pending(
    step: TableStep, functions: Any, history: History, last_steps: np.ndarray, switches: tuple[tuple[str, bool], ...]
) -> TableStep:
    """A step of a table whose rows first catch up. The history has begun the step, and receives its numbers."""
    block, numbers = step.block, history.numbers
    closed_form = functions.closed_form(history.closed_form, switches) if history.closed_form else 0
    pending, block_at = pending_record(history, last_steps, closed_form), block.buffer_info()[0]
    block[NUMBERS] = address_of(numbers) + history.steps * numbers.strides[0] - block_at
    functions.evaluate_and_compare(block_at)
    block[PENDING], block[STEP_ZERO] = pending.buffer_info()[0], functions.zero
    block[STEP_ROWS] = loops.address("summed_pending_rows")
    return step._replace(memory=(step.memory, pending, numbers, history.totals, last_steps))
