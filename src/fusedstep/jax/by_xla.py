"""Rows of a table take a step by XLA."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from .woven import Woven


def update_rows(
    woven: Woven,
    rows: str,
    known: Sequence[float | None],
    states: list[jax.Array],
    ids: jax.Array,
    grads: jax.Array,
    traced: Sequence[jax.Array],
) -> list[jax.Array]:
    """The new states in use. The scalars are those that are ``known``, and in the places of None those ``traced``."""
    height, width = len(states[0]), math.prod(states[0].shape[1:])
    if not states[0].size:
        return states
    rest = iter(traced)
    numbers = woven.numbers([next(rest) if each is None else np.float64(each) for each in known])
    flat = [each.reshape(height, -1) for each in states]
    named, sums = grouped(ids, grads.reshape(len(ids), width).astype(woven.compute), height)
    if rows == "every":
        gradient = jnp.zeros((height, width), woven.compute).at[named].set(sums, mode="drop")
        new = woven.step(flat, gradient, numbers)
        stored = [after.astype(before.dtype) for after, before in zip(new, flat, strict=True)]
    else:
        new = woven.step([each.at[named].get(mode="clip") for each in flat], sums, numbers)
        stored = [
            before.at[named].set(after.astype(before.dtype), mode="drop", indices_are_sorted=True)
            for after, before in zip(new, flat, strict=True)
        ]
    return [after.reshape(before.shape) for after, before in zip(stored, states, strict=True)]


def grouped(ids: jax.Array, grads: jax.Array, height: int) -> tuple[jax.Array, jax.Array]:
    """The rows that are named, in ascending order and then ``height`` for those that are none, and their sums."""
    ids = in_range(ids, height)
    order = jnp.argsort(ids, stable=True)
    ids, grads = ids[order], grads[order]
    first = jnp.concatenate([jnp.ones(min(len(ids), 1), bool), ids[1:] != ids[:-1]])
    place = jnp.cumsum(first, dtype="int32") - 1
    nowhere = len(ids)
    # From the first on: what is added to 0 is no -0.
    sums = jnp.zeros_like(grads).at[jnp.where(first, place, nowhere)].set(grads, mode="drop")
    sums = sums.at[jnp.where(first, nowhere, place)].add(grads, mode="drop")
    return jnp.full_like(ids, height).at[place].set(ids), sums


def in_range(ids: jax.Array, height: int) -> jax.Array:
    """The ids as integers of 32 bits or more, those that are no row as ``height``."""
    if ids.dtype.itemsize < 4:
        ids = ids.astype("int32")
    return jnp.where((ids >= 0) & (ids < height), ids, height)
