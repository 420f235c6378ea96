"""Deferred rows of tensors on a device.

The history of pending steps is on the device, and each step appends to it there; the host counts the steps. Only the
check of indices waits for the device.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..arrays.devices import capturing, library_of
from ..runtime.aliasing import shares_with_states
from ..runtime.gpu.device_history import DeviceHistory
from ..runtime.gpu.grouping import LONG, Contributions, group, sum_long_segments
from ..runtime.gpu.kernel_call import KernelCall, catch_up_tiles_for, launch_loop
from ..runtime.gpu.kernels import kernel_of
from ..runtime.gpu.numbers import host_numbers
from .checks.device import check_bounds, view_device_indices
from .checks.device import view_device_states as view_states
from .checks.device_sparse_gradient import view_sparse_gradient
from .pending_table import PendingTable

__all__ = ["new_history", "new_last_steps", "prepare_catch_up", "prepare_flush", "prepare_step", "view_states"]


def new_last_steps(rows: int, like: Any) -> Any:
    """The last steps of rows without pending steps, on the device of an array."""
    return library_of(like).full((rows,), 0, "int16", like)


new_history = DeviceHistory


def not_captured(operator: str, like: Any) -> None:
    """Check that no graph is captured: the host counts the pending steps, and a graph would not.

    Raises:
        RuntimeError: a graph is being captured.
    """
    if capturing(like):
        raise RuntimeError(
            f"{operator}: deferred rows cannot be captured in a graph; call fs.Operator, or step outside the graph"
        )


class Step(NamedTuple):
    """A checked step.

    Attributes:
        table: the table.
        gradient: the gradient's contiguous tensor.
        storage: its storage type.
        contributions: what its indices contribute to their rows.
        scalars: the rule's scalars.
        every_row: whether all rows take the step.
    """

    table: PendingTable
    gradient: Any
    storage: str
    contributions: Contributions
    scalars: Sequence[float]
    every_row: bool = False

    def launch(self) -> None:
        """Apply the pending steps of the named rows, then the step that the history has begun."""
        table, contributions, like = self.table, self.contributions, self.table.states[0]
        numbers = host_numbers(table.operator, table.history.compute, self.scalars)
        if contributions.indices.shape[0] and table.tables[0].flat.size:
            rows, width = table.tables[0].rows, table.tables[0].width
            with library_of(self.gradient).stream(self.gradient):
                groups = group(contributions)
                long_sums = sum_long_segments(self.gradient, self.storage, groups, rows, width)
            own = [self.gradient, *groups, long_sums, groups.size, rows]
            run(table, "deferred_rows", self.storage, own, groups.size, numbers, LONG=LONG)
        # Rows that are named later owe this step, too.
        with library_of(like).stream(like):
            table.history.append(table.operator, like, numbers, list(self.scalars))


def prepare_step(table: PendingTable, grad: Any, indices: Any, scalars: Sequence[float]) -> Step:
    """Check a step of the rows that indices name."""
    operator, like = table.operator, table.states[0]
    not_captured(operator.name, like)
    sparse = view_sparse_gradient(operator, "grad", grad, indices, table.shape, table.storages[0], like)
    gradient = sparse.gradient
    if shares_with_states(operator.name, operator.array_spec.names, table.tables, sparse.elements):
        gradient = library_of(like).copy(gradient)
    return Step(table, gradient, sparse.storage, sparse.contributions, scalars)


def prepare_catch_up(table: PendingTable, indices: Any) -> Callable[[], None]:
    """Check the indices of some rows; return a function that applies their pending steps."""
    operator, variable = table.operator.name, table.operator.array_spec.names[0]
    not_captured(operator, table.states[0])
    named = view_device_indices(operator, indices, variable, table.shape, table.states[0])
    if table.operator.options.check_indices:
        check_bounds(operator, named, table.tables[0].rows, variable)
    return partial(catch_up, table, named)


def catch_up(table: PendingTable, indices: Any) -> None:
    """Apply the pending steps of the named rows."""
    if table.history.steps and indices.shape[0] and table.tables[0].flat.size:
        with library_of(indices).stream(indices):
            groups = group(Contributions(indices))
        own = [groups.sorted_indices, groups.size, table.tables[0].rows]
        run(table, "catch_up", table.storages[0], own, groups.size)


def prepare_flush(table: PendingTable) -> Callable[[], None]:
    """Return a function that applies the pending steps of all rows."""
    not_captured(table.operator.name, table.states[0])
    return partial(flush, table)


def flush(table: PendingTable) -> None:
    """Apply the pending steps of all rows."""
    if table.tables[0].flat.size:
        rows = table.tables[0].rows
        run(table, "flush", table.storages[0], [rows], rows)
        with library_of(table.last_steps).stream(table.last_steps):
            table.last_steps[...] = 0


def run(
    table: PendingTable,
    loop: str,
    gradient: str,
    own: list[Any],
    over: int,
    numbers: Sequence[float] = (),
    **known: int,
) -> None:
    """Launch a loop; ``numbers`` are those of the step that it takes, if it takes one."""
    like = table.states[0]
    kernels = partial(kernel_of, table.operator, table.storages, gradient, False, closed_form=table.closed_form)
    library = library_of(like)
    bump = partial(library.bump_versions, table.states)
    states = [library.detach(state) for state in table.states]
    with library.stream(like):
        pending = table.history.pending(table.operator, like, table.last_steps)
        bump()
        call = KernelCall(kernels, states, table.tables, None, gradient, (), bump)
        tiles = catch_up_tiles_for(call.width, call.narrowest, len(states))
        launch_loop(call, loop, own, over, tiles, [*pending, *numbers], **known)
