"""Deferred rows of tensors on a device.

The pending steps of rows are kept on the host, where the scalars are, and sent with each call. Only the check of
indices waits for the device.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..arrays.devices import capturing, library_of
from ..arrays.layout import Rows
from ..codegen.gpu.kernels import host_totals_for
from ..rules.idle import ClosedForm
from ..runtime.aliasing import shares_with_states
from ..runtime.gpu.grouping import LONG, group, sum_long_segments
from ..runtime.gpu.launch import CATCH_UP_BYTES, Call, launch_loop, tiles_for
from ..runtime.gpu.numbers import host_numbers
from ..runtime.history import History
from . import device_checks as checks
from .device_step import Stepping, kernel_of


class DeferredTable(NamedTuple):
    """A table whose rows sleep.

    Attributes:
        operator: the operator that they are owed steps of.
        idle: its closed form, if it is used.
        states: the tensors that it uses.
        storages: their storage types.
        tables: their rows.
        history: their pending steps.
        last_steps: on the device, the last step of each row.
    """

    operator: Stepping
    idle: ClosedForm | None
    states: Sequence[Any]
    storages: tuple[str, ...]
    tables: Sequence[Rows]
    history: History
    last_steps: Any


def awake(rows: int, like: Any) -> Any:
    """The last steps of rows without pending steps, on the device of an array."""
    return library_of(like).full((rows,), 0, "int16", like)


def not_captured(operator: str, like: Any) -> None:
    """What rows sleep through goes on with every step on the host, and would stand still in a graph.

    Raises:
        RuntimeError: a graph is being captured.
    """
    if capturing(like):
        raise RuntimeError(
            f"{operator}: deferred rows cannot be captured in a graph; call fs.Operator instead, or step outside of it"
        )


class Step(NamedTuple):
    """A checked step.

    Attributes:
        gradient: the gradient's contiguous tensor.
        storage: its storage type.
        indices: the rows that it belongs to.
    """

    gradient: Any
    storage: str
    indices: Any


def checked(table: DeferredTable, shape: tuple[int, ...], grad: Any, indices: Any) -> Step:
    """The gradient and the indices of a step, checked."""
    operator, names, like = table.operator.name, table.operator.facts.wanted.names, table.states[0]
    named = checked_indices(table, shape, indices)
    given = (*named.shape, *shape[1:])
    plain, storage, flat = checks.gradient(operator, "grad", grad, given, table.storages[0], like)
    if shares_with_states(operator, names, table.tables, flat):
        plain = library_of(like).copy(plain)
    return Step(plain, storage, named)


def checked_indices(table: DeferredTable, shape: tuple[int, ...], indices: Any) -> Any:
    """The rows that are named, checked."""
    operator, variable = table.operator.name, table.operator.facts.wanted.names[0]
    not_captured(operator, table.states[0])
    named = checks.indices(operator, indices, variable, shape, table.states[0])
    if table.operator.check_indices:
        checks.bounds(operator, named, table.tables[0].rows, variable)
    return named


def take(table: DeferredTable, step: Step, scalars: Sequence[float]) -> None:
    """The named rows catch up, and take the step that the history has just begun."""
    table.history.numbers[table.history.steps] = host_numbers(table.operator, table.history.compute, scalars)
    if step.indices.shape[0] and table.tables[0].flat.size:
        rows, width = table.tables[0].rows, table.tables[0].width
        with library_of(step.gradient).stream(step.gradient):
            groups = group(step.indices)
            long_sums = sum_long_segments(step.gradient, step.storage, groups, rows, width)
        own = [step.gradient, *groups, long_sums, groups.size, rows]
        run(table, "deferred_rows", step.storage, own, groups.size, table.history.steps + 1, LONG=LONG)


def catch_up(table: DeferredTable, indices: Any) -> None:
    """The named rows catch up."""
    if indices.shape[0] and table.tables[0].flat.size:
        with library_of(indices).stream(indices):
            groups = group(indices)
        own = [groups.sorted_indices, groups.size, table.tables[0].rows]
        run(table, "catch_up", table.storages[0], own, groups.size, table.history.steps)


def flush(table: DeferredTable) -> None:
    """All rows catch up."""
    not_captured(table.operator.name, table.states[0])
    if table.tables[0].flat.size:
        rows = table.tables[0].rows
        run(table, "flush", table.storages[0], [rows], rows, table.history.steps)
        with library_of(table.last_steps).stream(table.last_steps):
            table.last_steps[...] = 0


def run(table: DeferredTable, loop: str, gradient: str, own: list[Any], over: int, steps: int, **known: int) -> None:
    """Launches a loop with the pending steps of rows, of which the history holds so many."""
    history, like = table.history, table.states[0]
    library = library_of(like)
    kernels = partial(kernel_of, table.operator, table.storages, gradient, False, idle=table.idle)
    bump_versions = partial(library.bump_versions, table.states)
    states = [library.detach(state) for state in table.states]
    with library.stream(like):
        kept, settled = totals_of(table)
        pending = [
            library.to_device(history.numbers[:steps], like),
            library.to_device(kept, like),
            library.to_device(settled, like),
            kept.shape[1],
            table.last_steps,
        ]
        pending += [history.steps, history.window, int(history.closed)]
        bump_versions()
        call = Call(kernels, states, table.tables, None, gradient, (), bump_versions)
        launch_loop(call, loop, own, over, tiles_for(call.width, call.narrowest, CATCH_UP_BYTES), pending, **known)


def totals_of(table: DeferredTable) -> tuple[np.ndarray, np.ndarray]:
    """What the closed form needs since each step, and the same where a whole window of steps was replayed."""
    history = table.history
    if not (table.idle and history.closed):
        return np.zeros((1, 1), history.compute), np.zeros((1, 1), history.compute)
    totals, kept = history.totals[:, : history.steps + 1], len(table.idle.kept_totals)
    settled = totals.copy()
    settled[kept:] = totals[kept:, -1:]
    kept_by, key = table.operator.kept, ("totals", table.idle, history.compute)
    if key not in kept_by:
        kept_by[key] = host_totals_for(table.operator.rule, table.operator.switches, table.idle, history.compute)
    numbers = kept_by[key]
    return numbers(totals, history.held), numbers(settled, history.held)
