"""``dense_update``: one step of a rule as a pure function."""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from . import arrays
from .functions import functions_of
from .scalars import parse_scalars, split_switches
from .sharding import sharded_step


def dense_update(
    rule: Callable[..., Any] | str, var: Any, states: Sequence[Any], grad: Any, **scalars_and_switches: Any
) -> tuple[jax.Array, tuple[Any, ...]]:
    """Take one step of a rule with a dense gradient, as a pure function. XLA runs it, on any device.

    Args:
        rule: the rule, a plain function or its text, see ``fusedstep.Operator``.
        var: the variable. Rows are along its first dimension; for rules that work on columns, rows and columns are
            those of its last two dimensions.
        states: the rule's other states in order, see ``initial_states``; None for states that its switches leave
            unused, which may also be left out. They have the variable's shape, or one number per row or column. Their
            types are float32, float16 and bfloat16 in any mixture, or float64.
        grad: the gradient, of the variable's shape and type, or float32 with a 16-bit variable.
        **scalars_and_switches: the rule's scalars, as numbers or arrays of one element, which may be traced; and its
            switches.

    Returns:
        The new variable, and the new states, as many as were given.

    Raises:
        TypeError, ValueError: an argument is invalid.

    >>> import jax.numpy as jnp, fusedstep as fs
    >>> var, (accum,) = dense_update(fs.rules.adagrad, jnp.ones(2), (jnp.zeros(2),), jnp.array([0.5, 0.0]),
    ...                              lr=0.25, epsilon=0.0)
    >>> var.tolist(), accum.tolist()
    ([0.75, 1.0], [0.25, 0.0])
    """
    operator, scalars = split_switches(rule, scalars_and_switches)
    given = arrays.parse_states(operator, var, states)
    used = [each for each in given if each is not None]
    gradient = arrays.parse_gradient(operator, "grad", grad, used[0].shape, used[0])
    functions = functions_of(operator, str(used[0].dtype))
    new = sharded_step(functions, used, gradient, functions.numbers(parse_scalars(operator, scalars)))
    stored = [after.astype(before.dtype) for after, before in zip(new, used, strict=True)]
    return arrays.restore_unused(operator, stored, states)
