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
from ..runtime.cpu.bag_rows import BagRows
from ..runtime.cpu.launch import Call, launch
from ..runtime.cpu.loops import LOOPS, WHOLE_TENSOR
from ..runtime.cpu.span_call import SpanCall
from .bags import is_sparse
from .checks.arrays import check_stochastic, view_for_sums, view_gradient, view_states
from .checks.indices import check_no_indices
from .checks.scalars import check_host_scalars
from .checks.sparse_gradient import view_sparse


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
    shape, storages, tables = view_states(name, arrays, states)
    if key is not None:
        check_stochastic(name, arrays.names, storages)
    loop, groups, original, label = LOOPS[None], None, tables, operator.labels.gradient
    whole_tensor, sparse = spec.reduction_scope is ReductionScope.TENSOR, is_sparse(gradient, indices)
    if sparse and not whole_tensor:
        first = arrays.names[0], shape, storages[0], tables[0]
        gradient, storage, groups = view_sparse(name, label, gradient, indices, *first)
        loop = LOOPS[rows]
        # Only for its log message: the order of the rows is chosen already.
        mostly_touched(name, groups.distinct, tables[0].rows)
    else:
        check_no_indices(name, gradient if sparse else None)
        gradient, storage = view_gradient(name, label, gradient, shape, storages[0])
    if whole_tensor:
        tables, loop = view_for_sums(name, arrays, tables, shape, spec.sees_rows), WHOLE_TENSOR
    if not tables[0].array.size:
        return nothing
    bump = partial(bump_versions, spec.written_of(states))
    spans = span_call(operator, loop, storages, tables, gradient, storage, scalars, bump, key, original)
    locked = None
    if options.use_locking:
        locked = [table.table() for table in original], gradient_arrays(spans.gradient)
    return partial(launch, Call(spans, loop, groups, shape, locked))


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
        separate = separated(operator.name, operator.array_spec.names, original or tables, gradient)
        call = SpanCall(functions, tables, separate, storage, scalars, bump, by_rows, key)
    return call


def separated(operator: str, names: Sequence[str], tables: Sequence[Rows], gradient: Any) -> Any:
    """A gradient, copied as far as it shares memory with a state; see ``ensure_no_alias``."""
    if isinstance(gradient, BagRows):
        return gradient.replaced([ensure_no_alias(operator, names, tables, each.gradient) for each in gradient.lookups])
    return ensure_no_alias(operator, names, tables, gradient)


def gradient_arrays(gradient: Any) -> list[np.ndarray]:
    """The arrays that hold a gradient."""
    if isinstance(gradient, BagRows):
        return [as_array(each.gradient) for each in gradient.lookups]
    return [as_array(gradient)]
