"""A step of a rule as a pure function."""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from . import arrays
from .scalars import operator_of, scalars_of
from .woven import weave


def dense_update(
    rule: Callable[..., Any], var: Any, states: Sequence[Any], grad: Any, **scalars_and_switches: Any
) -> tuple[jax.Array, tuple[Any, ...]]:
    """Takes a step of a rule with a dense gradient, as a pure function: by XLA, wherever that runs.

    Args:
        rule: the rule, a plain function, see ``fusedstep.rules``.
        var: the variable. A rule that sees rows takes those that the first dimension counts; one that sees columns
            takes the last two dimensions.
        states: the rule's other states in its order; None for what its switches leave unused. They are of the
            variable's shape, or hold one number a row or a column; float32, float16 and bfloat16 in any mixture, or
            float64.
        grad: the gradient, of the variable's shape and type, or float32 beside a 16-bit variable.
        **scalars_and_switches: the rule's scalars, as numbers or arrays of one element, traced ones too, and its
            switches.

    Returns:
        The new variable, and the new states.

    Raises:
        TypeError, ValueError: an argument cannot be used.

    >>> import jax.numpy as jnp, fusedstep as fs
    >>> var, (accum,) = dense_update(fs.rules.adagrad, jnp.ones(2), (jnp.zeros(2),), jnp.array([0.5, 0.0]),
    ...                              lr=0.25, epsilon=0.0)
    >>> var.tolist(), accum.tolist()
    ([0.75, 1.0], [0.25, 0.0])
    """
    operator, named = operator_of(rule, scalars_and_switches)
    given = arrays.states(operator, var, states)
    used = [each for each in given if each is not None]
    gradient = arrays.gradient(operator, "grad", grad, used[0].shape, used[0])
    woven = weave(operator, str(used[0].dtype))
    new = woven.step(used, gradient, woven.numbers(scalars_of(operator, named)))
    stored = [after.astype(before.dtype) for after, before in zip(new, used, strict=True)]
    return arrays.put_back(given, stored, states)
