"""The sharding of states: preserved by a step that reshapes them, and derived from that of a parameter."""

from collections.abc import Sequence
from typing import Any

import jax
from jax.sharding import NamedSharding, PartitionSpec, Sharding

from ..codegen.xla.build import RuleFunctions
from .scalars import join_arrays, split_arrays


def sharded_step(
    functions: RuleFunctions, states: Sequence[jax.Array], gradient: jax.Array, numbers: tuple[Any, ...]
) -> list[jax.Array]:
    """Take a step; each new state has the sharding of the old one."""
    if not functions.flattens(states[0].ndim):
        return functions.step(states, gradient, numbers)
    # A reshaped array loses its sharding, with and without explicit axes.
    if any(jax.typeof(each).sharding.mesh.explicit_axes for each in states):
        return explicit_axes_step(functions, states, gradient, numbers)
    new = functions.step(states, gradient, numbers)
    return [
        after if isinstance(before, jax.core.Tracer) or not before.committed else jax.device_put(after, before.sharding)
        for before, after in zip(states, new, strict=True)
    ]


def explicit_axes_step(
    functions: RuleFunctions, states: Sequence[jax.Array], gradient: jax.Array, numbers: tuple[Any, ...]
) -> list[jax.Array]:
    """Take a step on a mesh with explicit axes, where the type of an array holds its sharding."""
    known, traced = split_arrays(numbers)

    def step(states: Sequence[jax.Array], gradient: jax.Array, arrays: Sequence[jax.Array]) -> list[jax.Array]:
        return functions.step(states, gradient, tuple(join_arrays(known, arrays)))

    shardings = [jax.typeof(each).sharding for each in states]
    found: list[jax.Array] = jax.sharding.auto_axes(step, out_sharding=shardings)(states, gradient, traced)
    return found


def reduced_sharding(sharding: Sharding | None, dimensions: int, removed: tuple[int, ...]) -> Sharding | None:
    """The sharding of an array without some of the dimensions of an array with a sharding; None if unknown."""
    if not removed or sharding is None:
        return sharding
    if not isinstance(sharding, NamedSharding):
        return sharding if sharding.is_fully_replicated else None
    axes = [*sharding.spec, *[None] * (dimensions - len(sharding.spec))]
    spec = PartitionSpec(*(each for k, each in enumerate(axes) if k not in removed))
    return NamedSharding(sharding.mesh, spec, memory_kind=sharding.memory_kind)
