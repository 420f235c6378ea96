"""Deferred rows of tensors on a device.

The history of pending steps is on the device, and each step appends to it there. Only the check of indices waits for
the device.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..arrays.devices import capturing, library_of, on_device
from ..codegen.gpu.weave_history import DUE, PENDING, STEP
from ..runtime.aliasing import shares_with_states
from ..runtime.call import nothing
from ..runtime.gpu.device_history import PROGRAMS, DeviceHistory
from ..runtime.gpu.grouping import LONG, Contributions, group, sum_long_segments
from ..runtime.gpu.kernel_call import KernelCall, catch_up_tiles_for, launch_loop
from ..runtime.gpu.kernels import kernel_of
from ..runtime.gpu.numbers import host_numbers
from .checks.device import check_bounds, check_device_scalars, view_device_indices
from .checks.device import view_device_states as view_states
from .checks.device_sparse_gradient import view_sparse_gradient
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


def new_last_steps(rows: int, like: Any) -> Any:
    """The last steps of rows without pending steps, on the device of an array."""
    return library_of(like).full((rows,), 0, "int16", like)


new_history = DeviceHistory


def check_scalars(table: PendingTable, scalars: Sequence[Any]) -> None:
    """Check the scalars of a step: numbers, and arrays of one element on the device."""
    operator = table.operator
    check_device_scalars(operator.name, operator.signature.scalars, scalars, table.states[0].device)


def check_capture(table: PendingTable) -> None:
    """Check that the device counts the steps while a graph is captured: the host would not see those of its replays.

    Raises:
        RuntimeError: the host counts them.
    """
    if not capturing(table.states[0]):
        return
    table.history.is_captured = table.history.is_repeatable
    if not table.history.is_repeatable:
        raise RuntimeError(
            f"{table.operator.name}: a graph is captured, and the steps that rows owe are counted on the host; take a "
            "step with a scalar on the device before, as lr=torch.tensor(lr, device=device), in PyTorch's optimizers "
            "also with capturable=True: from then on the device counts them"
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
        table, history, like = self.table, self.table.history, self.table.states[0]
        with library_of(like).stream(like):
            if not history.is_loaded or self.is_first_there:
                self.load()
            if history.counted_there:
                history.begin_there(table.operator, like, self.scalars)
                flush_due(table)
            numbers = self.numbers()
            self.step_rows(numbers)
            # Rows that are named later owe this step, too.
            history.append(table.operator, like, numbers, self.scalars)

    @property
    def is_first_there(self) -> bool:
        """Whether the device counts from this step on."""
        return not self.table.history.counted_there and any(map(on_device, self.scalars))

    def numbers(self) -> list[float]:
        """The numbers of the step, where the host evaluates them."""
        table, counted_there = self.table, self.table.history.counted_there
        return [] if counted_there else host_numbers(table.operator, table.history.compute, self.scalars)

    def load(self) -> None:
        """Load what lookups and steps launch: once rows are stepped nothing may fail, nor while a graph is captured."""
        table, history, like = self.table, self.table.history, self.table.states[0]
        before, history.counted_there = history.counted_there, history.counted_there or self.is_first_there
        try:
            if history.counted_there:
                history.begin_there(table.operator, like, self.scalars, programs=0)
                if table.tables[0].flat.size:
                    rows = table.tables[0].rows
                    run(table, "catch_up", table.storages[0], [self.contributions.indices, 0, rows], rows, most=0)
            numbers = self.numbers()
            self.step_rows(numbers, most=0)
            history.append(table.operator, like, numbers, self.scalars, most=0)
        except BaseException:
            history.counted_there = before
            raise

    def step_rows(self, numbers: Sequence[float], most: int | None = None) -> None:
        """Launch what steps the named rows, in at most so many programs."""
        table, contributions = self.table, self.contributions
        if contributions.indices.shape[0] and table.tables[0].flat.size:
            rows, width = table.tables[0].rows, table.tables[0].width
            groups = group(contributions)
            long_sums = sum_long_segments(self.gradient, self.storage, groups, rows, width)
            own = [self.gradient, *groups, long_sums, groups.size, rows]
            given = [table.history.room.step_numbers] if table.history.counted_there else numbers
            run(table, "deferred_rows", self.storage, own, groups.size, given, STEP, most, LONG=LONG)


def prepare_step(table: PendingTable, grad: Any, indices: Any, scalars: Sequence[float]) -> Step:
    """Check a step of the rows that indices name."""
    operator, like = table.operator, table.states[0]
    check_capture(table)
    sparse = view_sparse_gradient(operator, "grad", grad, indices, table.shape, table.storages[0], like)
    gradient = sparse.gradient
    if shares_with_states(operator.name, operator.array_spec.names, table.tables, sparse.elements):
        gradient = library_of(like).copy(gradient)
    return Step(table, gradient, sparse.storage, sparse.contributions, scalars)


def prepare_catch_up(table: PendingTable, indices: Any) -> Callable[[], None]:
    """Check the indices of some rows; return a function that applies their pending steps."""
    operator, variable = table.operator.name, table.operator.array_spec.names[0]
    check_capture(table)
    named = view_device_indices(operator, indices, variable, table.shape, table.states[0])
    if table.operator.options.check_indices:
        check_bounds(operator, named, table.tables[0].rows, variable)
    return partial(catch_up, table, named)


def catch_up(table: PendingTable, indices: Any) -> None:
    """Apply the pending steps of the named rows."""
    if not table.history.is_empty and indices.shape[0] and table.tables[0].flat.size:
        with library_of(indices).stream(indices):
            groups = group(Contributions(indices))
        own = [groups.sorted_indices, groups.size, table.tables[0].rows]
        run(table, "catch_up", table.storages[0], own, groups.size)


def prepare_flush(table: PendingTable) -> Callable[[], None]:
    """Return a function that applies the pending steps of all rows."""
    check_capture(table)
    return partial(flush, table)


def flush(table: PendingTable) -> None:
    """Apply the pending steps of all rows."""
    rows = table.tables[0].rows
    if table.tables[0].flat.size:
        run(table, "flush", table.storages[0], [rows], rows)
    with library_of(table.last_steps).stream(table.last_steps):
        table.history.forget_rows(table.last_steps)


def flush_due(table: PendingTable) -> None:
    """Apply the pending steps of all rows if the step that has begun needs it, which the device knows."""
    rows = table.tables[0].rows
    if table.tables[0].flat.size:
        # Mostly there is nothing to do, which many programs would only find out one by one.
        run(table, "flush", table.storages[0], [rows], rows, row=DUE, most=PROGRAMS)
    table.history.forget_rows(table.last_steps, due=True)


def run(
    table: PendingTable,
    loop: str,
    gradient: str,
    own: list[Any],
    over: int,
    numbers: Sequence[Any] = (),
    row: int = PENDING,
    most: int | None = None,
    **known: int,
) -> None:
    """Launch a loop.

    Args:
        table: the table.
        loop: the loop.
        gradient: the storage type of the gradient, or of the variable.
        own: the arguments of the loop behind the states.
        over: the rows, or indices, that the programs share.
        numbers: the arguments for the numbers of the step that the loop takes, if it takes one.
        row: of the record of pending steps.
        most: the most programs, if there is a limit: they then share the rows.
        **known: other arguments that are known when the kernel is compiled.
    """
    like = table.states[0]
    there = table.history.counted_there
    kernels = partial(kernel_of, table.operator, table.storages, gradient, there, closed_form=table.closed_form)
    library = library_of(like)
    states = [library.detach(state) for state in table.states]
    with library.stream(like):
        pending = table.history.pending(table.operator, like, table.last_steps, row)
        library.bump_versions(table.states)
        call = KernelCall(kernels, states, table.tables, None, gradient, (), nothing)
        tiles = catch_up_tiles_for(call.width, call.narrowest, len(states))
        over = over if most is None else min(over, most * tiles.rows)
        launch_loop(call, loop, own, over, tiles, [*pending, *numbers], **known)
