"""Make ``optax.inject_hyperparams`` inject scalars in JAX's widest type."""

import inspect
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

# Arguments that are types, and those that may be functions but are no schedules.
TYPES = ("state_dtype", "mu_dtype", "accumulator_dtype", "dtype_momentum")
MASKS = ("mask", "weight_decay_mask", "trust_ratio_mask")
# A whole number that decides on shapes, and is static.
STATIC = ("min_dim_size_to_factor",)


class WideSignature(inspect.Signature):
    """A signature that binds numbers as arrays of JAX's widest type.

    ``optax.inject_hyperparams`` binds its arguments by the factory's signature. It rounds values without a type of JAX
    to the parameters' type: in bfloat16 0.999 is 1. It takes what can be called for a schedule: types, too.

    Attributes:
        choose: from a call's arguments to the signature that it has, if a factory has several.
    """

    choose: Callable[[tuple[Any, ...], dict[str, Any]], inspect.Signature] | None = None

    def bind(self, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
        """Bind the arguments and the defaults."""
        bound = self.choose(args, kwargs).bind(*args, **kwargs) if self.choose else super().bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            if name in TYPES:
                bound.arguments[name] = value if isinstance(value, str | Mapping | NoneType) else np.dtype(value).name
            elif is_untyped(value) and name not in STATIC:
                bound.arguments[name] = jnp.asarray(value, float)
            elif name not in MASKS and is_schedule(value):
                bound.arguments[name] = wide_schedule(value)
        return bound


def is_schedule(value: Any) -> bool:
    """Return whether a value is a function of the number of steps."""
    return callable(value) and not isinstance(value, jax.Array | optax.schedules.StatefulSchedule)


def is_untyped(value: Any) -> bool:
    """Return whether a value is a number whose type optax chooses."""
    if isinstance(value, jax.Array):
        return bool(value.weak_type)
    return isinstance(value, int | float | np.ndarray) and not isinstance(value, bool)


def wide_schedule(schedule: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A schedule that returns numbers of JAX's widest type."""
    return lambda count: jnp.asarray(schedule(count), float)
