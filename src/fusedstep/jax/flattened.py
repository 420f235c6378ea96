"""New states lie where the old ones did, though the step goes through arrays of other dimensions."""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from .scalars import is_array

Step = Callable[[Sequence[jax.Array], jax.Array, tuple[Any, ...]], list[jax.Array]]


def in_place_of(
    states: Sequence[jax.Array], step: Step, gradient: jax.Array, numbers: tuple[Any, ...]
) -> list[jax.Array]:
    """What a step makes of states, of a gradient and of numbers that are known or arrays."""
    if any(jax.typeof(each).sharding.mesh.explicit_axes for each in states):
        return by_explicit_axes(states, step, gradient, numbers)
    new = step(states, gradient, numbers)
    return [
        after if isinstance(before, jax.core.Tracer) or not before.committed else jax.device_put(after, before.sharding)
        for before, after in zip(states, new, strict=True)
    ]


def by_explicit_axes(
    states: Sequence[jax.Array], step: Step, gradient: jax.Array, numbers: tuple[Any, ...]
) -> list[jax.Array]:
    """The same where types say how arrays lie."""

    def inside(states: Sequence[jax.Array], gradient: jax.Array, traced: Sequence[jax.Array]) -> list[jax.Array]:
        rest = iter(traced)
        return step(states, gradient, tuple(next(rest) if is_array(each) else each for each in numbers))

    placed = [jax.typeof(each).sharding for each in states]
    found: list[jax.Array] = jax.sharding.auto_axes(inside, out_sharding=placed)(
        states, gradient, [each for each in numbers if is_array(each)]
    )
    return found
