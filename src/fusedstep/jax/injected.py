"""Keeps the scalars wide that ``optax.inject_hyperparams`` injects."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax


class WideSignature(inspect.Signature):
    """A signature that binds numbers as arrays of JAX's widest type.

    ``optax.inject_hyperparams`` binds what it is called with by its factory's signature, and rounds to the parameters'
    type what has no type of JAX: in bfloat16 0.999 is 1.
    """

    def bind(self, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
        """The arguments, those that are left out too."""
        bound = super().bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            if has_no_type(value):
                bound.arguments[name] = jnp.asarray(value, float)
            elif callable(value) and not isinstance(value, jax.Array | optax.schedules.StatefulSchedule):
                bound.arguments[name] = wide(value)
        return bound


def has_no_type(value: Any) -> bool:
    """Whether a value is a number whose type optax chooses."""
    if isinstance(value, jax.Array):
        return bool(value.weak_type)
    return isinstance(value, int | float | np.ndarray) and not isinstance(value, bool)


def wide(schedule: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A schedule whose numbers are of JAX's widest type."""
    return lambda count: jnp.asarray(schedule(count), float)
