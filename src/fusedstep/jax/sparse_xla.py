"""Update rows of a table with XLA: sort the ids, sum the gradients of each row, take the step, scatter the rows."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ..codegen.xla.build import RuleFunctions
from .scalars import join_arrays


def update_rows(
    functions: RuleFunctions,
    rows: str,
    known: Sequence[np.float64 | None],
    states: list[jax.Array],
    ids: jax.Array,
    grads: jax.Array,
    traced: Sequence[jax.Array],
) -> list[jax.Array]:
    """Return the new states in use.

    The scalars are split: ``known``, with None in place of those that are ``traced``.
    """
    height, width = len(states[0]), math.prod(states[0].shape[1:])
    if not states[0].size:
        return states
    numbers = functions.numbers(join_arrays(known, traced))
    flat = [each.reshape(height, -1) for each in states]
    unique_rows, sums = segment_sum(ids, grads.reshape(len(ids), width).astype(functions.compute), height)
    if rows == "every":
        gradient = jnp.zeros((height, width), functions.compute).at[unique_rows].set(sums, mode="drop")
        new = functions.step(flat, gradient, numbers)
        stored = [after.astype(before.dtype) for after, before in zip(new, flat, strict=True)]
    else:
        new = functions.step([each.at[unique_rows].get(mode="clip") for each in flat], sums, numbers)
        stored = [
            before.at[unique_rows].set(after.astype(before.dtype), mode="drop", indices_are_sorted=True)
            for after, before in zip(new, flat, strict=True)
        ]
    return [after.reshape(before.shape) for after, before in zip(stored, states, strict=True)]


def segment_sum(ids: jax.Array, grads: jax.Array, height: int) -> tuple[jax.Array, jax.Array]:
    """The distinct rows in ascending order, then ``height`` for unused entries; and the sum of each row's gradients."""
    ids = valid_rows(ids, height)
    order = jnp.argsort(ids, stable=True)
    ids, grads = ids[order], grads[order]
    first = jnp.concatenate([jnp.ones(min(len(ids), 1), bool), ids[1:] != ids[:-1]])
    segment = jnp.cumsum(first, dtype="int32") - 1
    dropped = len(ids)
    # Each sum starts with the row's first gradient: 0 + -0 is not -0.
    sums = jnp.zeros_like(grads).at[jnp.where(first, segment, dropped)].set(grads, mode="drop")
    sums = sums.at[jnp.where(first, dropped, segment)].add(grads, mode="drop")
    return jnp.full_like(ids, height).at[segment].set(ids), sums


def valid_rows(ids: jax.Array, height: int) -> jax.Array:
    """The ids in at least 32 bits, with ``height`` in place of invalid ones."""
    if ids.dtype.itemsize < 4:
        ids = ids.astype("int32")
    return jnp.where((ids >= 0) & (ids < height), ids, height)
