"""Follow the regularized leader as TensorFlow and MindSpore do: weights from sums over all gradients."""

from typing import Any

from .idle import idle
from .keep_weights import step_from_weights
from .proximal_ftrl import last_rate
from .words import abs, divide_or_zero, power, sign, where

__all__ = ["ftrl"]


def ftrl(
    var: Any,
    accum: Any,
    linear: Any,
    grad: Any,
    *,
    lr: Any,
    l1: Any,
    l2: Any,
    lr_power: Any = -0.5,
    l2_shrinkage: Any = 0.0,
    multiply_linear_by_lr: bool = False,
    keep_weights: bool = False,
) -> tuple[Any, Any, Any]:
    r"""FTRL-Proximal as TensorFlow and MindSpore compute it: twice ``l2`` in the divisor.

    .. math::
        a' &= a + g^2 \\
        z &= z + g + 2\, l_{2s} w - \frac{a'^{-p} - a^{-p}}{lr} w \\
        w &= \begin{cases} 0 & |z| \le l_1 \\
            \dfrac{sign(z)\, l_1 - z}{a'^{-p} / lr + 2\, l_2} & |z| > l_1 \end{cases}

    Here a is ``accum``, z ``linear``, p ``lr_power`` and :math:`l_{2s}` ``l2_shrinkage``. With
    ``multiply_linear_by_lr``, ``linear`` holds ``lr`` times z; the weights are the same.

    A weight depends on the sums only: where ``linear`` is 0 it becomes 0, whatever it was before. Where the divisor is
    exactly 0, no gradient was ever seen, and the weight does not change; nor does it with a step size of 0.

    With ``keep_weights`` the step starts from the current weight, even if other code set it or the settings changed:
    ``linear`` is read only where the weight is 0, up to ``l1``, and is never multiplied by ``lr``.

    Args:
        var: the weights w, any shape.
        accum: the sum of the squared gradients, of the shape of ``var``; starts at 0 or a little more.
        linear: the sum z, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        l1: the strength of the l1 penalty; it makes weights exactly 0.
        l2: the strength of the l2 penalty.
        lr_power: p, the power of ``accum`` in the step size, 0 or less; -0.5 is the root.
        l2_shrinkage: the strength of an l2 penalty that is a part of the gradient, and not in ``accum``.
        multiply_linear_by_lr: keep ``lr`` times z in ``linear``, for step sizes near 0.
        keep_weights: start from the current weights; changed settings do not move them.

    Returns:
        The new ``(var, accum, linear)``.

    Source: Ad Click Prediction: a View from the Trenches, KDD 2013; ``tf.raw_ops.ResourceApplyFtrlV2``.

    >>> var, accum, linear = ftrl(1.0, 0.09, 0.5, 0.4, lr=0.1, l1=0.1, l2=0.5)
    >>> round(float(var), 6), round(float(accum), 6), round(float(linear), 6)
    (0.166667, 0.25, -1.1)
    """
    rate = lr if multiply_linear_by_lr and not keep_weights else 1.0
    before, after = power(accum, -lr_power), power(accum + grad * grad, -lr_power)
    inverse = divide_or_zero(rate, lr)
    if keep_weights:
        pushed, divisor = grad + 2 * l2_shrinkage * var, inverse * after + 2 * l2
        var, linear = step_from_weights(var, linear, pushed, lr=lr, l1_before=l1, l1=l1, divisor=divisor)
        return var, accum + grad * grad, linear
    seen = linear + rate * (grad + 2 * l2_shrinkage * var) - inverse * (after - before) * var
    linear = where(lr == 0, linear, seen)
    divisor = inverse * after + 2 * rate * l2
    closed = where(abs(linear) <= rate * l1, 0, divide_or_zero(rate * l1 * sign(linear) - linear, divisor))
    var = where((divisor == 0) | (lr == 0), where(linear == linear, var, linear), closed)
    return var, accum + grad * grad, linear


@idle(ftrl, kept=last_rate, constant=("l1", "l2", "lr_power"), unless=("l2_shrinkage",))
def ftrl_idle(
    var: Any,
    accum: Any,
    linear: Any,
    *,
    last: Any,
    l1: Any,
    l2: Any,
    lr_power: Any,
    multiply_linear_by_lr: bool = False,
    keep_weights: bool = False,
) -> tuple[Any, Any, Any]:
    # The sums stay. Weights depend on the sums and the last step size only; with ``keep_weights`` the reverse is true.
    return ftrl(
        var,
        accum,
        linear,
        0,
        lr=last,
        l1=l1,
        l2=l2,
        lr_power=lr_power,
        multiply_linear_by_lr=multiply_linear_by_lr,
        keep_weights=keep_weights,
    )
