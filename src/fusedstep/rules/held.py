"""Weights by follow-the-leader rules that stay where they are while settings change, or they themselves.

Such a rule computes a weight from its sums and today's settings, so that another step size, or a weight that is set,
would be undone by the sums. Solved for the sums, the same formula tells what they must be for the weight that is
there: ``-divisor * var`` and all of the l1 penalty. Only where a weight is 0 they tell more: what l1 has collected.
"""

from typing import Any

from .words import divide_or_zero, maximum, minimum, sign, where

__all__: list[str] = []


def held_by(var: Any, linear: Any, l1: Any) -> Any:
    """What the l1 penalty holds of the sum of the gradients; none of it moves the weight."""
    return where(var == 0, minimum(maximum(linear, -l1), l1), -l1 * sign(var))


def held_step(var: Any, linear: Any, grad: Any, *, lr: Any, l1_before: Any, l1: Any, divisor: Any) -> tuple[Any, Any]:
    """A step from the weights that are there; ``linear`` is read only where they are 0.

    Args:
        var: the weights.
        linear: the sums.
        grad: the gradient.
        lr: the step size; where it is 0, neither changes.
        l1_before: what the l1 penalty came to before the step.
        l1: what it comes to.
        divisor: the formula's, after the step; where it is 0, nothing was ever seen.

    Returns:
        The new weights and sums.
    """
    held = held_by(var, linear, l1_before)
    rest = grad - divisor * var
    # As what is added to the weight: a gradient of 0 leaves every bit of it.
    moved = var + divide_or_zero(where(rest > 0, l1, -l1) - held - grad, divisor)
    closed = where((rest >= -l1 - held) & (rest <= l1 - held), 0, moved)
    return where((divisor == 0) | (lr == 0), var, closed), where(lr == 0, linear, held + rest)
