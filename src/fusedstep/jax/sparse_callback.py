"""Update rows of a table on the CPU: kernels write into XLA's own buffers, through ``buffer_callback``."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.experimental.buffer_callback import buffer_callback

from ..operators.bags import BagGradient, Bags
from ..operators.operator import Operator
from .bags import check_offsets
from .denormals import denormals_preserved
from .scalars import join_arrays


def update_rows(
    operator: Operator,
    rows: str,
    known: Sequence[np.float64 | None],
    states: list[jax.Array],
    bags: Bags,
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
    new = dict(zip(changed, callback(*states, bags, traced), strict=True))
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
        *buffers: the states in use, the gradients of bags, and the traced scalars.
    """
    *before, given, traced = buffers
    used = [k for k, kind in enumerate(operator.spec.kinds) if kind]
    states: list[Any] = [None] * len(operator.spec.kinds)
    for k, each in zip(used, before, strict=True):
        states[k] = np.asarray(each)
    for place, result in zip(changed, results, strict=True):
        states[used[place]] = np.asarray(result)
    bags = Bags(*(None if each is None else np.asarray(each) for each in given))
    scalars = [float(np.asarray(each)) for each in join_arrays(known, traced)]
    bags = within_table(operator.name, bags, len(states[0]))
    with denormals_preserved():
        if bags.offsets is None and bags.weights is None:
            operator.step(states, bags.gradient, bags.indices, rows, scalars)
        else:
            operator.step(states, BagGradient((bags,)), None, rows, scalars)


def within_table(operator: str, bags: Bags, height: int) -> Bags:
    """The bags without the ids that are out of range.

    Raises:
        ValueError: the offsets are invalid.
    """
    if bags.offsets is not None:
        check_offsets(operator, bags.offsets, len(bags.indices))
    inside = (bags.indices >= 0) & (bags.indices < height)
    if inside.all():
        return bags
    indices, weights = bags.indices[inside], None if bags.weights is None else bags.weights[inside]
    if bags.offsets is None:
        return Bags(bags.gradient[inside], indices, None, weights)
    left = np.concatenate([[0], np.cumsum(inside)])
    return Bags(bags.gradient, indices, left[bags.offsets], weights)
