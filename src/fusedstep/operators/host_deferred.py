"""Deferred rows of arrays in the memory of the host."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..arrays.address import address_of
from ..arrays.borrow import bump_versions
from ..loops.cpu.catch_up import BUCKETS
from ..runtime.advice import mostly_touched
from ..runtime.cpu import workspace
from ..runtime.cpu.deferred_call import NO_GRADIENT, DeferredCall
from ..runtime.cpu.grouping import Groups
from ..runtime.cpu.launch import Part, every_row_parts, touched_row_parts
from ..runtime.cpu.loops import DEFERRED_ROWS, LOOPS, loop
from ..runtime.cpu.parts import ELEMENTS_PER_ROW, parts, threads_for
from ..runtime.cpu.threads import run
from ..runtime.history import History
from .checks.arrays import view_states
from .checks.indices import refuse_outside, view_indices
from .checks.scalars import check_host_scalars
from .checks.sparse_gradient import view_sparse
from .host_step import span_call
from .pending_table import PendingTable

__all__ = [
    "check_scalars",
    "new_history",
    "new_last_steps",
    "prepare_catch_up",
    "prepare_flush",
    "prepare_step",
    "view_states",
]


new_history = History


def new_last_steps(rows: int, like: Any) -> np.ndarray:
    """The last steps of rows without pending steps."""
    # Two bytes per row are enough for the bounded history, and stay in the processor's cache.
    last_steps: np.ndarray = np.zeros(rows, np.int16)
    return last_steps


def check_scalars(table: PendingTable, scalars: Sequence[Any]) -> None:
    """Check the scalars of a step: numbers."""
    check_host_scalars(table.operator.name, table.operator.signature.scalars, scalars)


class Step(NamedTuple):
    """A checked step of the rows that indices name.

    Attributes:
        call: the blocks.
        groups: the rows that indices name.
        parts, threads: the parts of the call, and the number of threads.
        bump: raises the version counters of the states.
        every_row: whether all rows take the step.
    """

    call: DeferredCall
    groups: Groups
    parts: list[Part]
    threads: int
    bump: Callable[[], None]
    every_row: bool = False

    def launch(self) -> None:
        """Apply the pending steps of the named rows, then the step that the history has begun."""
        self.call.remember()
        self.bump()
        run([part.stepping(self.call.step(self.groups, part)) for part in self.parts], self.threads)


class EveryRow(NamedTuple):
    """A checked step of all rows, without pending steps."""

    parts: list[Callable[[], None]]
    threads: int
    bump: Callable[[], None]
    every_row: bool = True

    def launch(self) -> None:
        """Take the step."""
        self.bump()
        run(self.parts, self.threads)


def prepare_step(table: PendingTable, gradient: Any, indices: Any, scalars: Sequence[float]) -> Step | EveryRow:
    """Check a step of the rows that indices name, and allocate all memory that it needs."""
    name, variable, rows = table.operator.name, table.operator.array_spec.names[0], table.tables[0]
    first = variable, table.shape, table.storages[0], rows
    gradient, storage, groups = view_sparse(name, "grad", gradient, indices, *first)
    bump = partial(bump_versions, table.states)
    known = table.storages, table.tables, gradient, storage, scalars, bump
    if rows.array.size and mostly_touched(name, groups.distinct, rows.rows):
        return EveryRow(*every_row_parts(span_call(table.operator, LOOPS["every"], *known), groups), bump)
    call = deferred_call(table, DEFERRED_ROWS, gradient, storage, scalars)
    return Step(call, groups, *touched_row_parts(call.gradient, storage, groups, rows.width), bump)


def prepare_catch_up(table: PendingTable, indices: Any) -> Callable[[], None]:
    """Check the indices of some rows; return a function that applies their pending steps."""
    name, variable, rows = table.operator.name, table.operator.array_spec.names[0], table.tables[0]
    view = view_indices(name, indices, variable, table.shape)
    # The list is the snapshot: each index is read once.
    named = view.astype(np.int64, order="C", copy=not view.flags.aligned)
    listed = workspace.empty(named.size, np.int64)
    count = loop("pending_rows")(
        address_of(named), named.size, rows.rows, address_of(table.last_steps), table.history.steps, address_of(listed)
    )
    if count < 0:
        place = -1 - count
        refuse_outside(name, indices, place, int(named[place]), variable, rows.rows)
    return partial(catch_up, table, listed, count)


def catch_up(table: PendingTable, listed: np.ndarray, count: int) -> None:
    """Apply the pending steps of the first ``count`` rows of a list."""
    if count:
        width = table.tables[0].width
        threads = threads_for(count * (ELEMENTS_PER_ROW + width))
        call = deferred_call(table, "catch_up")
        bump_versions(table.states)
        run([call.catch_up(listed, count, start, stop) for start, stop in parts(BUCKETS, 1, threads)], threads)


def prepare_flush(table: PendingTable) -> Callable[[], None]:
    """Return a function that applies the pending steps of all rows."""
    rows, width = table.tables[0].rows, table.tables[0].width
    threads = threads_for(rows * width)
    call = deferred_call(table, "flush")
    return partial(flush, table, [call.flush(start, stop) for start, stop in parts(rows, width, threads)], threads)


def flush(table: PendingTable, work: list[Callable[[], None]], threads: int) -> None:
    """Apply the pending steps of all rows."""
    bump_versions(table.states)
    run(work, threads)
    # In this order: what interrupts Python between the two finds no pending steps.
    table.history.forget()
    table.last_steps[:] = 0


def deferred_call(
    table: PendingTable,
    loop: str,
    gradient: Any = NO_GRADIENT,
    storage: str = "",
    scalars: Sequence[float] = (),
) -> DeferredCall:
    """A checked call, not yet cut into parts; without a gradient, it only applies pending steps."""
    operator = table.operator
    scalars = scalars or [0.0] * len(operator.signature.scalars)
    bump = partial(bump_versions, table.states)
    call = span_call(
        operator, LOOPS["touched"], table.storages, table.tables, gradient, storage or table.storages[0], scalars, bump
    )
    return DeferredCall(call, loop, table.history, table.last_steps, operator.switches)
