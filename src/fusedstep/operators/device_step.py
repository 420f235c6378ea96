"""One step with tensors on a device."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from ..arrays.devices import library_of
from ..codegen.gpu.kernels import kernel_for
from ..codegen.recipe import Recipe
from ..codegen.rule.program import ReductionScope
from ..rules.idle import ClosedForm
from ..runtime import locks
from ..runtime.aliasing import shares_with_states
from ..runtime.gpu.grouping import group
from ..runtime.gpu.launch import Call, launch_dense, launch_dense_rows, launch_every_row, launch_touched_rows
from ..runtime.gpu.numbers import Evaluating, numbers_of
from ..runtime.gpu.whole_tensor import launch_whole_tensor
from ..storage import compute_type
from . import device_checks as checks
from .checks import no_indices, tables_for_sums
from .facts import Facts


class Stepping(Evaluating, Protocol):
    """What is asked of an operator."""

    name: str
    stochastic: bool
    use_locking: bool
    check_indices: bool
    gradient_name: str

    @property
    def scalar_names(self) -> tuple[str, ...]:
        """The names of its rule's scalars."""

    @property
    def facts(self) -> Facts:
        """What its rule asks for."""


def step(
    operator: Stepping,
    states: Sequence[Any],
    gradient: Any,
    indices: Any,
    rows: str | None,
    scalars: Sequence[Any],
    key: int | None,
) -> tuple[Any, ...]:
    """Checks everything, then launches the kernels; see ``Operator.step``. ``key`` is that of stochastic rounding."""
    name, facts = operator.name, operator.facts
    wanted, reach = facts.wanted, facts.reduction_scope
    in_use = [states[k] for k in facts.used]
    like = in_use[0]
    library = library_of(like)
    if key is not None and library.capturing(like):
        raise RuntimeError(
            f"{name}: rounding by chance cannot be captured in a graph, which would repeat the chances of one step; "
            'make the operator with rounding="nearest"'
        )
    shape, storages, tables = checks.states(name, wanted, in_use)
    checks.scalars(name, operator.scalar_names, scalars, like.device)
    given = shape
    if indices is not None:
        if reach == ReductionScope.TENSOR:
            no_indices(name, indices)
        named = checks.indices(name, indices, wanted.names[0], shape, like)
        given = (*named.shape, *shape[1:])
    plain, storage, flat = checks.gradient(name, operator.gradient_name, gradient, given, storages[0], like)
    if indices is not None and operator.check_indices:
        checks.bounds(name, named, tables[0].rows, wanted.names[0])
    held = tables
    if reach == ReductionScope.TENSOR:
        tables = tables_for_sums(name, wanted, tables, shape, facts.plan)
        run: Callable[[Call], None] = partial(launch_whole_tensor, plan=facts.plan, shape=shape)
    elif indices is None:
        whole = reach == ReductionScope.ELEMENT and all(table.row_stride == table.width for table in tables)
        run = launch_dense if whole else launch_dense_rows
    else:
        launch = launch_touched_rows if rows == "touched" else launch_every_row
        run = partial(grouped, named, launch)
    if not tables[0].flat.size or (indices is not None and rows == "touched" and not named.shape[0]):
        return tuple(states)
    # A gradient that lies in a state is copied, as on a CPU.
    if shares_with_states(name, wanted.names, held, flat):
        plain = library.copy(plain)
    with library.stream(like):
        compute = compute_type(storages[0])
        numbers, on_device = numbers_of(operator, compute, scalars, like)
        kernels = partial(kernel_of, operator, storages, storage, on_device)
        bump_versions = partial(library.bump_versions, [states[k] for k in facts.changed])
        tensors = [library.detach(each) for each in in_use]
        call = Call(kernels, tensors, tables, plain, storage, numbers + ([] if key is None else [key]), bump_versions)
        if operator.use_locking:
            locks.exclusive(partial(run, call), [table.table() for table in held], [flat])
        else:
            run(call)
    return tuple(states)


def grouped(indices: Any, launch: Callable[..., None], call: Call) -> None:
    """Groups indices, and launches a loop over their rows."""
    launch(call, group(indices))


def kernel_of(
    operator: Stepping,
    storages: tuple[str, ...],
    gradient: str,
    on_device: bool,
    loop: str,
    idle: ClosedForm | None = None,
) -> Any:
    """The kernel of a loop for some storage types."""
    key = (loop, storages, gradient, on_device, idle)
    if key not in operator.kept:
        recipe = Recipe(operator.rule, operator.switches, loop, storages, gradient, operator.stochastic, idle)
        operator.kept[key] = kernel_for(recipe, on_device)
    return operator.kept[key]
