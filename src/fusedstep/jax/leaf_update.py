"""The step of one parameter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ..codegen.xla.build import RuleFunctions
from ..operators.operator import Operator
from .rule_state import parse_parameter_states
from .sharding import sharded_step


@dataclass(frozen=True)
class LeafStep:
    """What a step of a parameter needs beside its arrays.

    Attributes:
        operator: the operator.
        functions: the rule's functions for the type of the parameter.
        numbers: their numbers at this step.
        complex_names: the states that are complex.
        free: whether the change of the parameter is free of its value.
    """

    operator: Operator
    functions: RuleFunctions
    numbers: tuple[Any, ...]
    complex_names: frozenset[str]
    free: bool


def has_no_gradient(grad: Any) -> bool:
    """Return whether a gradient is None, or of float0: the gradient of an integer in JAX."""
    return grad is None or getattr(grad, "dtype", None) == jax.dtypes.float0


def unchanged(grad: Any, leaf: Any) -> Any:
    """The update of a parameter without a gradient: zeros of its type, or None."""
    return None if grad is None else jnp.zeros(grad.shape, "int32" if leaf is grad else jnp.asarray(leaf).dtype)


def take_step(
    step: LeafStep, gradient: jax.Array, param: jax.Array, given: Mapping[str, Any]
) -> tuple[jax.Array, list[jax.Array]]:
    """The update of a parameter, and its new states.

    Raises:
        TypeError, ValueError: the types or shapes of the states are invalid.
    """
    states = parse_parameter_states(step.operator, param, given, step.complex_names)
    # What the rule adds to 0 is the change itself, which is not rounded to the last place of the parameter.
    start = jnp.zeros_like(param) if step.free else param
    new, *after = sharded_step(step.functions, [start, *states], gradient, step.numbers)
    change = new if step.free else new - param.astype(new.dtype)
    return change.astype(param.dtype), [each.astype(old.dtype) for each, old in zip(after, states, strict=True)]
