"""Make ``optax.inject_hyperparams`` inject scalars in JAX's widest type."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax


class WideSignature(inspect.Signature):
    """A signature that binds numbers as arrays of JAX's widest type.

    ``optax.inject_hyperparams`` binds its arguments by the factory's signature. It rounds values without a type of JAX
    to the parameters' type: in bfloat16 0.999 is 1.
    """

    def bind(self, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
        """Bind the arguments and the defaults."""
        bound = super().bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            if is_untyped(value):
                bound.arguments[name] = jnp.asarray(value, float)
            elif callable(value) and not isinstance(value, jax.Array | optax.schedules.StatefulSchedule):
                bound.arguments[name] = wide_schedule(value)
        return bound


def is_untyped(value: Any) -> bool:
    """Return whether a value is a number whose type optax chooses."""
    if isinstance(value, jax.Array):
        return bool(value.weak_type)
    return isinstance(value, int | float | np.ndarray) and not isinstance(value, bool)


def wide_schedule(schedule: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A schedule that returns numbers of JAX's widest type."""
    return lambda count: jnp.asarray(schedule(count), float)
