"""The checks of a step with tensors on a device, before its kernels are launched."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..arrays.devices import library_of
from ..arrays.layout import Rows
from ..codegen.gpu.kernels import build
from ..codegen.recipe import Recipe
from ..codegen.rule.program import ReductionScope
from ..rules.idle import ClosedForm
from ..runtime.aliasing import shares_with_states
from ..runtime.call import BumpVersions, Launch, nothing
from ..runtime.gpu.grouping import group
from ..runtime.gpu.launch import Call, launch_dense, launch_dense_rows, launch_every_row, launch_touched_rows
from ..runtime.gpu.numbers import numbers_of
from ..runtime.gpu.whole_tensor import launch_whole_tensor
from ..runtime.locks import exclusive
from ..storage import compute_type
from .checks.arrays import check_stochastic, view_for_sums
from .checks.device import (
    check_bounds,
    check_device_scalars,
    view_device_gradient,
    view_device_indices,
    view_device_states,
)
from .checks.indices import check_no_indices


def prepare(
    operator: Any,
    states: Sequence[Any],
    gradient: Any,
    indices: Any,
    rows: str | None,
    scalars: Sequence[Any],
    number: Any,
) -> Launch:
    """Check a step; see ``Operator.prepare``, and ``host_step.prepare`` for the arguments."""
    name, spec, arrays, like = operator.name, operator.spec, operator.array_spec, states[0]
    key, library = operator.rounding_key(number), library_of(like)
    if key is not None and library.capturing(like):
        raise RuntimeError(
            f"{name}: stochastic rounding cannot be captured in a graph, which would repeat its random bits; "
            'construct the operator with rounding="nearest"'
        )
    shape, storages, tables = view_device_states(name, arrays, states)
    if key is not None:
        check_stochastic(name, arrays.names, storages)
    check_device_scalars(name, operator.signature.scalars, scalars, like.device)
    given, whole_tensor = shape, spec.reduction_scope is ReductionScope.TENSOR
    if indices is not None:
        if whole_tensor:
            check_no_indices(name, indices)
        indices = view_device_indices(name, indices, arrays.names[0], shape, like)
        given = (*indices.shape, *shape[1:])
    gradient, storage, elements = view_device_gradient(
        name, operator.labels.gradient, gradient, given, storages[0], like
    )
    if indices is not None and operator.options.check_indices:
        check_bounds(name, indices, tables[0].rows, arrays.names[0])
    held = tables
    if whole_tensor:
        tables = view_for_sums(name, arrays, tables, shape, spec.sees_rows)
        run: Callable[[Call], None] = partial(launch_whole_tensor, program=spec.program, shape=shape)
    elif indices is None:
        whole = spec.reduction_scope is ReductionScope.ELEMENT and all(each.row_stride == each.width for each in tables)
        run = launch_dense if whole else launch_dense_rows
    else:
        run = partial(grouped, indices, launch_touched_rows if rows == "touched" else launch_every_row)
    if not tables[0].flat.size or (indices is not None and rows == "touched" and not indices.shape[0]):
        return nothing
    # A gradient that lies in a state is copied, as on a CPU.
    if shares_with_states(name, arrays.names, held, elements):
        gradient = library.copy(gradient)
    locked = ([table.table() for table in held], [elements]) if operator.options.use_locking else None
    bump = partial(library.bump_versions, spec.written_of(states))
    call = DeviceCall(operator, run, states, storages, tables, gradient, storage, scalars, key, bump, locked)
    return call.launch


class DeviceCall(NamedTuple):
    """A checked call on a device.

    Attributes:
        operator: the operator.
        run: launches its kernels.
        states, storages, tables: the states in use, their storage types and rows.
        gradient, storage: the gradient's contiguous tensor, and its storage type.
        scalars: the rule's.
        key: of stochastic rounding.
        bump: raises the version counters of the states.
        locked: with locking, the memory that the call writes, and that it reads.
    """

    operator: Any
    run: Callable[[Call], None]
    states: Sequence[Any]
    storages: tuple[str, ...]
    tables: Sequence[Rows]
    gradient: Any
    storage: str
    scalars: Sequence[Any]
    key: int | None
    bump: BumpVersions
    locked: tuple[list[Any], list[Any]] | None

    def launch(self) -> None:
        """Run the call on the device's current stream."""
        library = library_of(self.states[0])
        with library.stream(self.states[0]):
            compute = compute_type(self.storages[0])
            numbers, on_device = numbers_of(self.operator, compute, self.scalars, self.states[0])
            kernels = partial(kernel_of, self.operator, self.storages, self.storage, on_device)
            tensors = [library.detach(each) for each in self.states]
            numbers += [] if self.key is None else [self.key]
            call = Call(kernels, tensors, self.tables, self.gradient, self.storage, numbers, self.bump)
            if self.locked is None:
                self.run(call)
            else:
                exclusive(partial(self.run, call), *self.locked)


def grouped(indices: Any, launch: Callable[..., None], call: Call) -> None:
    """Groups indices, and launches a loop over their rows."""
    launch(call, group(indices))


def kernel_of(
    operator: Any,
    storages: tuple[str, ...],
    gradient: str,
    on_device: bool,
    loop: str,
    closed_form: ClosedForm | None = None,
) -> Any:
    """The kernel of a loop for some storage types."""
    key = (loop, storages, gradient, on_device, closed_form)
    if key not in operator.built:
        recipe = Recipe(operator.spec, storages, gradient, operator.options.stochastic, loop, closed_form)
        operator.built[key] = build(recipe, on_device)
    return operator.built[key]
