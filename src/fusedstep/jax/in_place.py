"""Rows of a table take a step on the CPU in XLA's own buffers, by the kernels that NumPy arrays get."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.experimental.buffer_callback import buffer_callback

from ..operators.operator import Operator
from . import denormals


def update_rows(
    operator: Operator,
    rows: str,
    known: Sequence[float | None],
    states: list[jax.Array],
    ids: jax.Array,
    grads: jax.Array,
    traced: Sequence[jax.Array],
) -> list[jax.Array]:
    """The new states in use, in the buffers of the old ones where these are donated. The scalars are those that are
    ``known``, and in the places of None those ``traced``."""
    changed = [k for k, is_changed in enumerate(operator.spec.changed) if is_changed]
    callback = buffer_callback(
        partial(step, operator, rows, changed, known),
        [jax.ShapeDtypeStruct(states[k].shape, states[k].dtype) for k in changed],
        # What is written to is XLA's own copy, unless the argument is donated.
        input_output_aliases={k: place for place, k in enumerate(changed)},
    )
    new = dict(zip(changed, callback(*states, ids, grads, *traced), strict=True))
    return [new.get(k, each) for k, each in enumerate(states)]


def step(
    operator: Operator,
    rows: str,
    changed: Sequence[int],
    known: Sequence[float | None],
    context: Any,
    results: Sequence[Any],
    *buffers: Any,
) -> None:
    """Takes the step in the buffers of the results, which hold the states. Nothing here may call JAX.

    Args:
        operator: the operator.
        rows: which rows take the step.
        changed: which of the states in use the results are.
        known: the scalars, None for those that come in buffers.
        context: XLA's, of the call.
        results: the buffers to write to.
        *buffers: of the states in use, the ids, the gradients and the traced scalars.
    """
    used = [k for k, kind in enumerate(operator.spec.kinds) if kind]
    arrays = [np.asarray(each) for each in buffers]
    states: list[Any] = [None] * len(operator.spec.kinds)
    for place, k in enumerate(used):
        states[k] = arrays[place]
    for place, result in zip(changed, results, strict=True):
        states[used[place]] = np.asarray(result)
    ids, grads, *traced = arrays[len(used) :]
    rest = iter(traced)
    scalars = [float(next(rest)) if each is None else each for each in known]
    inside = (ids >= 0) & (ids < len(states[0]))
    if not inside.all():
        ids, grads = ids[inside], grads[inside]
    with denormals.kept():
        operator.step(states, grads, ids, rows, scalars)
