"""Steps of follow-the-leader rules with ``keep_weights``: they start from the current weights.

Such a rule computes a weight from its sums and the current settings. A new step size would therefore move the weights,
and the sums would undo a weight that is set from outside. Solved for the sums, the formula gives those of the current
weight: ``-divisor * var`` plus all of the l1 penalty. Only where a weight is 0 the sums hold more: what l1 has
collected.
"""

from typing import Any

from .words import divide_or_zero, maximum, minimum, sign, where

__all__: list[str] = []


def sum_held_by_l1(var: Any, linear: Any, l1: Any) -> Any:
    """The part of the sum of the gradients that the l1 penalty holds; it does not move the weight."""
    return where(var == 0, minimum(maximum(linear, -l1), l1), -l1 * sign(var))


def step_from_weights(
    var: Any, linear: Any, grad: Any, *, lr: Any, l1_before: Any, l1: Any, divisor: Any
) -> tuple[Any, Any]:
    """A step from the current weights; ``linear`` is read only where they are 0.

    Args:
        var: the weights.
        linear: the sums.
        grad: the gradient.
        lr: the step size; where it is 0, neither changes.
        l1_before: the l1 penalty before the step.
        l1: the l1 penalty of the step.
        divisor: the divisor of the formula, after the step; where it is 0, no gradient was ever seen.

    Returns:
        The new weights and sums.
    """
    held = sum_held_by_l1(var, linear, l1_before)
    pushed = grad - divisor * var
    # As an addition to the weight: a gradient of 0 does not change a bit of it.
    moved = var + divide_or_zero(where(pushed > 0, l1, -l1) - held - grad, divisor)
    closed = where((pushed >= -l1 - held) & (pushed <= l1 - held), 0, moved)
    return where((divisor == 0) | (lr == 0), var, closed), where(lr == 0, linear, held + pushed)
