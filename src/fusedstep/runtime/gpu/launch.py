"""Launch a call on the device's current stream."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from ...arrays.devices import library_of
from ...arrays.layout import Rows
from ...storage import compute_type
from ..call import BumpVersions
from ..locks import exclusive
from .grouping import LONG, Contributions, Groups, first_places, group, sum_long_segments
from .kernel_call import KernelCall, bytes_of_program, launch_loop
from .kernels import kernel_of
from .launch_kernel import launch_kernel
from .numbers import numbers_of
from .whole_tensor import launch_whole_tensor


class Call(NamedTuple):
    """A checked call.

    Attributes:
        operator: the operator.
        loop: the loop that it runs.
        states, storages, tables: the states in use, their storage types and rows.
        shape: of the variable.
        gradient, storage: the gradient's contiguous array, and its storage type.
        contributions: what its indices contribute to their rows, if it is sparse.
        scalars: the rule's.
        key: of stochastic rounding.
        bump_versions: called right before the states are changed.
        locked: with locking, the memory that the call writes, and that it reads.
    """

    operator: Any
    loop: str
    states: Sequence[Any]
    storages: tuple[str, ...]
    tables: Sequence[Rows]
    shape: tuple[int, ...]
    gradient: Any
    storage: str
    contributions: Contributions | None
    scalars: Sequence[Any]
    key: int | None
    bump_versions: BumpVersions
    locked: tuple[list[Any], list[Any]] | None


def launch(call: Call) -> None:
    """Run a checked call."""
    library = library_of(call.states[0])
    with library.stream(call.states[0]):
        compute = compute_type(call.storages[0])
        numbers, on_device = numbers_of(call.operator, compute, call.scalars, call.states[0])
        kernels = partial(kernel_of, call.operator, call.storages, call.storage, on_device)
        numbers += [] if call.key is None else [call.key]
        states = [library.detach(each) for each in call.states]
        arrays = KernelCall(kernels, states, call.tables, call.gradient, call.storage, numbers, call.bump_versions)
        if call.locked is None:
            launch_kernels(call, arrays)
        else:
            exclusive(partial(launch_kernels, call, arrays), *call.locked)


def launch_kernels(call: Call, arrays: KernelCall) -> None:
    """Launch the kernels of a call."""
    if call.loop == "whole_tensor":
        launch_whole_tensor(arrays, call.operator.spec.program, call.shape)
    elif call.contributions is not None:
        launch_rows = launch_touched_rows if call.loop == "touched_rows" else launch_every_row
        launch_rows(arrays, group(call.contributions))
    elif call.loop == "dense_rows":
        launch_dense_rows(arrays)
    else:
        launch_dense(arrays)


def launch_dense(call: KernelCall) -> None:
    """Step all elements."""
    count, block = call.rows * call.width, bytes_of_program(call.narrowest) // call.narrowest
    call.bump_versions()
    arguments = [*call.states, call.gradient, count, *call.numbers]
    launch_kernel(call.library, call.kernel("dense"), -(-count // block), arguments, BLOCK=block)


def launch_dense_rows(call: KernelCall) -> None:
    """Step all rows, each with its own row of the gradient."""
    call.bump_versions()
    launch_loop(call, "dense_rows", [call.gradient, call.rows], call.rows, call.tiles, call.numbers)


def launch_touched_rows(call: KernelCall, groups: Groups) -> None:
    """Step the unique rows with the sums of their gradients."""
    own = [call.gradient, *groups, long_sums_of(call, groups), groups.size, call.rows]
    call.bump_versions()
    launch_loop(call, "touched_rows", own, groups.size, call.tiles, call.numbers, LONG=LONG)


def launch_every_row(call: KernelCall, groups: Groups) -> None:
    """Step the unique rows with the sums of their gradients, all others with a zero gradient."""
    own = [
        call.gradient,
        first_places(groups, call.rows),
        groups.gradient_rows,
        groups.weights,
        groups.segment_ends,
        long_sums_of(call, groups),
        call.rows,
    ]
    call.bump_versions()
    launch_loop(call, "every_row", own, call.rows, call.tiles, call.numbers, LONG=LONG)


def long_sums_of(call: KernelCall, groups: Groups) -> Any:
    """The sums of the long segments of a call."""
    return sum_long_segments(call.gradient, call.storage, groups, call.rows, call.width)
