"""Update rows of a table on the CPU: kernels write into XLA's own buffers, through ``buffer_callback``."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.experimental.buffer_callback import buffer_callback

from ..operators.operator import Operator
from .denormals import denormals_preserved
from .scalars import join_arrays


def update_rows(
    operator: Operator,
    rows: str,
    known: Sequence[np.float64 | None],
    states: list[jax.Array],
    ids: jax.Array,
    grads: jax.Array,
    traced: Sequence[jax.Array],
) -> list[jax.Array]:
    """Return the new states in use, in the buffers of the old ones where these are donated.

    The scalars are split: ``known``, with None in place of those that are ``traced``.
    """
    changed = [k for k, is_changed in enumerate(operator.spec.changed) if is_changed]
    callback = buffer_callback(
        partial(step, operator, rows, changed, known),
        [jax.ShapeDtypeStruct(states[k].shape, states[k].dtype) for k in changed],
        # XLA copies each aliased argument first, unless it is donated.
        input_output_aliases={k: place for place, k in enumerate(changed)},
    )
    new = dict(zip(changed, callback(*states, ids, grads, *traced), strict=True))
    return [new.get(k, each) for k, each in enumerate(states)]


def step(
    operator: Operator,
    rows: str,
    changed: Sequence[int],
    known: Sequence[np.float64 | None],
    context: Any,
    results: Sequence[Any],
    *buffers: Any,
) -> None:
    """Take the step in the buffers of the results, which hold the states. This function must not call JAX.

    Args:
        operator: the operator.
        rows: which rows take the step.
        changed: for each result, the index of its state among those in use.
        known: the scalars, None for those in buffers.
        context: XLA's context of the call.
        results: the buffers to write to.
        *buffers: the states in use, the ids, the gradients and the traced scalars.
    """
    used = [k for k, kind in enumerate(operator.spec.kinds) if kind]
    arrays = [np.asarray(each) for each in buffers]
    states: list[Any] = [None] * len(operator.spec.kinds)
    for place, k in enumerate(used):
        states[k] = arrays[place]
    for place, result in zip(changed, results, strict=True):
        states[used[place]] = np.asarray(result)
    ids, grads, *traced = arrays[len(used) :]
    scalars = [float(each) for each in join_arrays(known, traced)]
    inside = (ids >= 0) & (ids < len(states[0]))
    if not inside.all():
        ids, grads = ids[inside], grads[inside]
    with denormals_preserved():
        operator.step(states, grads, ids, rows, scalars)
