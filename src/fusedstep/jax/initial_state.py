"""Initial states: their values, and their sharding, which is that of the parameter."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.shard_alike import shard_alike

from ..arrays import borrow
from ..codegen.rule.axes import reduced_axes
from ..operators.checks.scalars import parse_scalar
from ..operators.operator import Operator
from . import parameters
from .scalars import is_array, parse_scalar_array
from .sharding import reduced_sharding


def parse_initial(operator: Operator, given: Any) -> dict[str, Any]:
    """The initial values of states by name: numbers, and arrays of JAX without dimensions.

    Raises:
        TypeError: ``given`` is not a mapping, or it names an unknown state or holds something that is no real number.
        ValueError: an array has more than one element.
    """
    if given is None:
        return {}
    names = operator.signature.states[1:]
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{operator.name}: initial is {borrow.kind(given)}, expected numbers by the names of states, such as "
            f"{{{(names or ('accum',))[0]!r}: 0.1}}"
        )
    unknown = sorted(str(name) for name in given if name not in names)
    if unknown:
        states = ", ".join(names) or "no state"
        raise TypeError(f"{operator.name}: takes initial values of {states}; not known: {', '.join(unknown)}")
    return {
        name: (parse_scalar_array if is_array(value) else parse_scalar)(operator.name, f"initial[{name!r}]", value)
        for name, value in given.items()
    }


def initial_state(operator: Operator, leaf: Any, kind: str, dtype_of: Callable[[Any], str], value: Any) -> jax.Array:
    """Make the initial state of a parameter, or of a ``jax.ShapeDtypeStruct`` that describes one.

    Args:
        operator: the operator.
        leaf: the parameter.
        kind: whether the state holds one number per "element", "row" or "column".
        dtype_of: from the parameter to the type of the state.
        value: the value of all its elements.
    """
    if isinstance(leaf, jax.core.Tracer):
        param = parameters.parse_parameter(operator, leaf)
        return traced_state(param, kind, operator.spec.matrices, dtype_of(param), value)
    is_array = not isinstance(leaf, jax.ShapeDtypeStruct)
    param = parameters.parse_parameter(operator, leaf) if is_array else parameters.parse_description(operator, leaf)
    removed = reduced_axes(kind, len(param.shape), operator.spec.matrices)
    shape = tuple(each for k, each in enumerate(param.shape) if k not in removed)
    # A parameter that is not committed to devices may move to others. So may its states.
    committed = getattr(param, "committed", True)
    sharding = reduced_sharding(param.sharding, len(param.shape), removed) if committed else None
    return jnp.full_like(jax.ShapeDtypeStruct(shape, dtype_of(param), sharding=sharding), value)


def traced_state(param: jax.Array, kind: str, matrices: bool, dtype: str, value: Any) -> jax.Array:
    """Make the initial state of a traced parameter, whose sharding only XLA may know."""
    like = jax.lax.stop_gradient(param)
    removed = reduced_axes(kind, param.ndim, matrices)
    if removed:
        # Only its sharding is used: XLA never computes it.
        like = jnp.max(like.real, axis=removed, initial=0)
    filled = jnp.full_like(like, value, dtype=dtype)
    # The state depends on the parameter, so that jax.vmap maps both along the same axis.
    dependent = jnp.where(like == like, filled, filled)
    # Both sides need one type.
    parts = like if jnp.issubdtype(dtype, jnp.complexfloating) else like.real
    return shard_alike(parts.astype(dtype), dependent)[1]
