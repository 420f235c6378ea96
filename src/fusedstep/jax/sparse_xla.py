"""Update rows of a table with XLA: sort the ids, sum the gradients of each row, take the step, scatter the rows."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ..codegen.xla.build import RuleFunctions
from ..operators.bags import Bags
from .scalars import join_arrays


def update_rows(
    functions: RuleFunctions,
    rows: str,
    known: Sequence[np.float64 | None],
    states: list[jax.Array],
    bags: Bags,
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
    gradient_rows, ids = gradient_rows_of(bags, height)
    unique_rows, sums = segment_sum(
        in_compute_type(bags._replace(indices=ids), width, functions.compute), gradient_rows, height
    )
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


def in_compute_type(bags: Bags, width: int, compute: str) -> Bags:
    """The same with flat rows of the gradient, and weights, in the compute type."""
    gradient = bags.gradient.reshape(len(bags.gradient), width).astype(compute)
    # XLA gathers from one row at least.
    gradient = gradient if len(gradient) else jnp.zeros((1, width), compute)
    weights = None if bags.weights is None else bags.weights.astype(compute)
    return bags._replace(gradient=gradient, weights=weights)


def segment_sum(bags: Bags, gradient_rows: jax.Array, height: int) -> tuple[jax.Array, jax.Array]:
    """The distinct rows in ascending order, then ``height`` for unused entries; and the sum of each row's gradients.

    ``gradient_rows`` are the rows of the gradient that belong to the indices.
    """
    order = jnp.argsort(bags.indices, stable=True)
    ids, grads = bags.indices[order], bags.gradient.at[gradient_rows[order]].get(mode="clip")
    if bags.weights is not None:
        grads = grads * bags.weights[order, None]
    first = jnp.concatenate([jnp.ones(min(len(ids), 1), bool), ids[1:] != ids[:-1]])
    segment = jnp.cumsum(first, dtype="int32") - 1
    dropped = len(ids)
    # Each sum starts with the row's first gradient: 0 + -0 is not -0.
    sums = jnp.zeros_like(grads).at[jnp.where(first, segment, dropped)].set(grads, mode="drop")
    sums = sums.at[jnp.where(first, dropped, segment)].add(grads, mode="drop")
    return jnp.full_like(ids, height).at[segment].set(ids), sums


def gradient_rows_of(bags: Bags, height: int) -> tuple[jax.Array, jax.Array]:
    """The row of the gradient that belongs to each id; and the ids, with ``height`` for those that are ignored."""
    ids = valid_rows(bags.indices, height)
    positions = jnp.arange(len(ids), dtype="int32")
    if bags.offsets is None:
        return positions, ids
    offsets = jnp.clip(wide(bags.offsets), 0, len(ids)).astype("int32")
    gradient_rows = jnp.searchsorted(offsets, positions, side="right") - 1
    # Ids behind the end, if that is an offset, are in no bag.
    return gradient_rows, jnp.where((gradient_rows >= 0) & (gradient_rows < len(bags.gradient)), ids, height)


def valid_rows(ids: jax.Array, height: int) -> jax.Array:
    """The ids in at least 32 bits, with ``height`` in place of invalid ones."""
    ids = wide(ids)
    return jnp.where((ids >= 0) & (ids < height), ids, height)


def wide(integers: jax.Array) -> jax.Array:
    """Integers in at least 32 bits, in which sizes can be compared with them."""
    return integers.astype("int32") if integers.dtype.itemsize < 4 else integers
