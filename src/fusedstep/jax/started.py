"""How a parameter's states start: spread over devices as the parameter is."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.shard_alike import shard_alike
from jax.sharding import NamedSharding, PartitionSpec, Sharding

from ..operators.operator import Operator
from . import arrays, rule_state


def started_at(operator: Operator, leaf: Any, kind: str, value: Any) -> jax.Array:
    """A parameter's state when no step was taken. Of a parameter's description there is one, too."""
    if isinstance(leaf, jax.core.Tracer):
        return traced(rule_state.parameter(operator, leaf), kind, operator.spec.matrices, value)
    is_array = not isinstance(leaf, jax.ShapeDtypeStruct)
    param = rule_state.parameter(operator, leaf) if is_array else rule_state.described(operator, leaf)
    without = arrays.reduced_axes(kind, len(param.shape), operator.spec.matrices)
    shape = tuple(each for k, each in enumerate(param.shape) if k not in without)
    # What is not committed to its devices must stay free to go to others.
    sharding = spread(param.sharding, len(param.shape), without) if getattr(param, "committed", True) else None
    return jnp.full_like(jax.ShapeDtypeStruct(shape, param.dtype, sharding=sharding), value)


def traced(param: jax.Array, kind: str, matrices: bool, value: Any) -> jax.Array:
    """The state of a traced parameter. How that is spread XLA alone may know."""
    like = jax.lax.stop_gradient(param)
    without = arrays.reduced_axes(kind, param.ndim, matrices)
    if without:
        # XLA computes none of it: nothing but its place is asked for.
        like = jnp.max(like, axis=without, initial=0)
    filled = jnp.full_like(like, value)
    # It hangs on the parameter, so that jax.vmap maps it along the same axis.
    return shard_alike(like, jnp.where(like == like, filled, filled))[1]


def spread(sharding: Sharding | None, dimensions: int, without: tuple[int, ...]) -> Sharding | None:
    """How an array lies that has some dimensions less than one with a sharding."""
    if not without or sharding is None:
        return sharding
    if not isinstance(sharding, NamedSharding):
        return sharding if sharding.is_fully_replicated else None
    axes = [*sharding.spec, *[None] * (dimensions - len(sharding.spec))]
    spec = PartitionSpec(*(each for k, each in enumerate(axes) if k not in without))
    return NamedSharding(sharding.mesh, spec, memory_kind=sharding.memory_kind)
