"""The checks of a step on arrays in the memory of the host, before its launch on the CPU."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..arrays.borrow import bump_versions
from ..arrays.layout import Rows, as_array
from ..codegen.rule.program import ReductionScope
from ..runtime.advice import mostly_touched
from ..runtime.aliasing import ensure_no_alias
from ..runtime.call import BumpVersions, Launch, nothing
from ..runtime.cpu.launch import Call, launch
from ..runtime.cpu.loops import LOOPS, WHOLE_TENSOR
from ..runtime.cpu.span_call import SpanCall
from .checks.arrays import check_stochastic, view_for_sums, view_gradient, view_states
from .checks.indices import check_no_indices, copy_indices, group_indices
from .checks.scalars import check_host_scalars


def prepare(
    operator: Any,
    states: Sequence[Any],
    gradient: Any,
    indices: Any,
    rows: str | None,
    scalars: Sequence[float],
    number: Any,
) -> Launch:
    """Check a step; see ``Operator.prepare``.

    Args:
        operator: the operator.
        states: the states in use.
        gradient, indices, rows, scalars, number: as ``Operator.step`` takes them.
    """
    name, spec, arrays, options = operator.name, operator.spec, operator.array_spec, operator.options
    key = operator.rounding_key(number)
    check_host_scalars(name, operator.signature.scalars, scalars)
    variable, storages, tables = view_states(name, arrays, states)
    if key is not None:
        check_stochastic(name, arrays.names, storages)
    shape, loop, groups = variable, LOOPS[None], None
    if indices is not None:
        snapshot = copy_indices(name, indices, arrays.names[0], shape)
        shape, loop = (snapshot.size, *shape[1:]), LOOPS[rows]
    gradient, storage = view_gradient(name, operator.labels.gradient, gradient, shape, storages[0])
    original = tables
    if spec.reduction_scope is ReductionScope.TENSOR:
        check_no_indices(name, indices)
        tables, loop = view_for_sums(name, arrays, tables, variable, spec.sees_rows), WHOLE_TENSOR
    elif indices is not None:
        groups = group_indices(name, indices, snapshot, arrays.names[0], tables[0])
        # Only for its log message: the order of the rows is chosen already.
        mostly_touched(name, groups.distinct, tables[0].rows)
    if not tables[0].array.size:
        return nothing
    bump = partial(bump_versions, spec.written_of(states))
    spans = span_call(operator, loop, storages, tables, gradient, storage, scalars, bump, key, original)
    locked = None
    if options.use_locking:
        locked = [table.table() for table in original], [as_array(spans.gradient)]
    return partial(launch, Call(spans, loop, groups, variable, locked))


def span_call(
    operator: Any,
    loop: str,
    storages: tuple[str, ...],
    tables: Sequence[Rows],
    gradient: Any,
    storage: str,
    scalars: Sequence[float],
    bump: BumpVersions,
    key: int | None = None,
    original: Sequence[Rows] = (),
) -> SpanCall:
    """The arrays of a checked call. A gradient that shares memory with a state is copied.

    Args:
        operator: the operator.
        loop: the loop that the call runs.
        storages: the storage type of each state.
        tables, gradient, storage, scalars, bump: see ``SpanCall``.
        key: the key of stochastic rounding.
        original: the rows of the states, if ``tables`` divides them into other rows.

    Raises:
        ValueError: two states share memory.
    """
    functions, by_rows = operator.span_functions(storages, storage), loop != LOOPS[None]
    call = SpanCall(functions, tables, gradient, storage, scalars, bump, by_rows, key)
    if call.overlaps:
        separate: np.ndarray = ensure_no_alias(operator.name, operator.array_spec.names, original or tables, gradient)
        call = SpanCall(functions, tables, separate, storage, scalars, bump, by_rows, key)
    return call
