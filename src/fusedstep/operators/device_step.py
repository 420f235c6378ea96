"""The checks of a step on tensors on a device, before the launch of its kernels."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..arrays.devices import library_of
from ..codegen.rule.program import ReductionScope
from ..runtime.aliasing import shares_with_states
from ..runtime.call import Launch, nothing
from ..runtime.cpu.loops import LOOPS
from ..runtime.gpu import plain_step
from ..runtime.gpu.launch import Call, launch
from .bags import is_sparse
from .checks.arrays import check_stochastic, view_for_sums
from .checks.device import check_device_scalars, view_device_gradient, view_device_states
from .checks.device_sparse_gradient import view_sparse_gradient
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
    plain = plain_step.prepare(operator, states, gradient, indices, rows, scalars)
    if plain is not None:
        return plain
    name, spec, arrays, like = operator.name, operator.spec, operator.array_spec, states[0]
    key, library = operator.rounding_key(number), library_of(like)
    if key is not None and library.capturing(like):
        raise RuntimeError(
            f"{name}: stochastic rounding cannot be captured in a graph, which would repeat its random bits; "
            'make the operator with rounding="nearest"'
        )
    shape, storages, tables = view_device_states(name, arrays, states)
    if key is not None:
        check_stochastic(name, arrays.names, storages)
    check_device_scalars(name, operator.signature.scalars, scalars, like.device)
    original, whole_tensor = tables, spec.reduction_scope is ReductionScope.TENSOR
    label, sparse = operator.labels.gradient, None
    if is_sparse(gradient, indices):
        if whole_tensor:
            check_no_indices(name, gradient)
        sparse = view_sparse_gradient(operator, label, gradient, indices, shape, storages[0], like)
        gradient, storage, elements = sparse.gradient, sparse.storage, sparse.elements
    else:
        gradient, storage, elements = view_device_gradient(name, label, gradient, shape, storages[0], like)
    if whole_tensor:
        tables = view_for_sums(name, arrays, tables, shape, spec.sees_rows)
        loop = "whole_tensor"
    elif sparse is None:
        whole = spec.reduction_scope is ReductionScope.ELEMENT and all(each.row_stride == each.width for each in tables)
        loop = "dense" if whole else "dense_rows"
    else:
        loop = LOOPS[rows]
    contributions, read = (sparse.contributions, sparse.weights) if sparse else (None, [])
    nothing_named = contributions is not None and not contributions.indices.shape[0]
    if not tables[0].flat.size or (nothing_named and rows == "touched"):
        return nothing
    # As on the CPU, a gradient that shares memory with a state is copied.
    if shares_with_states(name, arrays.names, original, elements):
        gradient = library.copy(gradient)
    if not whole_tensor:
        plain_step.keep_layout(operator, states, shape, storages, tables)
    locked = ([table.table() for table in original], [elements, *read]) if operator.options.use_locking else None
    bump = partial(library.bump_versions, spec.written_of(states))
    known = operator, loop, states, storages, tables, shape, gradient, storage, contributions
    return partial(launch, Call(*known, scalars, key, bump, locked))
