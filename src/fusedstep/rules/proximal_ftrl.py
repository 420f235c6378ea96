"""FTRL as published: weights are exactly 0 where the sums of the gradients are small."""

from typing import Any

from .idle import idle
from .keep_weights import step_from_weights
from .words import abs, divide_or_zero, power, sign, where

__all__ = ["ftrl_proximal"]


def ftrl_proximal(
    var: Any,
    accum: Any,
    linear: Any,
    grad: Any,
    *,
    lr: Any,
    l1: Any,
    l2: Any,
    beta: Any = 0.0,
    lr_power: Any = -0.5,
    keep_weights: bool = False,
) -> tuple[Any, Any, Any]:
    r"""FTRL-Proximal as McMahan et al. (2013) publish it: ``l2`` once, and ``beta`` beside the root.

    .. math::
        a' &= a + g^2 \\
        z &= z + g - \frac{a'^{-p} - a^{-p}}{lr} w \\
        w &= \begin{cases} 0 & |z| \le l_1 \\
            \dfrac{sign(z)\, l_1 - z}{(\beta + a'^{-p}) / lr + l_2} & |z| > l_1 \end{cases}

    Here a is ``accum``, z ``linear`` and p ``lr_power``. A weight depends on the sums only: where ``linear`` is 0 it
    becomes 0, whatever it was before. Where the divisor is exactly 0, no gradient was ever seen, and the weight does
    not change.

    With ``keep_weights`` the step starts from the current weight, even if other code set it or the settings changed:
    ``linear`` is read only where the weight is 0, up to ``l1``.

    Args:
        var: the weights w, any shape.
        accum: the sum of the squared gradients, of the shape of ``var``; starts at 0.
        linear: the sum z, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size; the paper's alpha.
        l1: the strength of the l1 penalty; it makes weights exactly 0.
        l2: the strength of the l2 penalty.
        beta: added to the root of ``accum``; the paper's beta, there mostly 1.
        lr_power: p, the power of ``accum`` in the step size, 0 or less; -0.5 is the root.
        keep_weights: start from the current weights; changed settings do not move them.

    Returns:
        The new ``(var, accum, linear)``.

    Source: Ad Click Prediction: a View from the Trenches, KDD 2013, algorithm 1.

    >>> var, accum, linear = ftrl_proximal(1.0, 0.09, 0.5, 0.4, lr=0.1, l1=0.1, l2=1.0, beta=0.4)
    >>> round(float(var), 6), round(float(accum), 6), round(float(linear), 6)
    (0.1, 0.25, -1.1)
    """
    before, after = power(accum, -lr_power), power(accum + grad * grad, -lr_power)
    inverse = divide_or_zero(1, lr)
    divisor = inverse * after + (inverse * beta + l2)
    if keep_weights:
        var, linear = step_from_weights(var, linear, grad, lr=lr, l1_before=l1, l1=l1, divisor=divisor)
        return var, accum + grad * grad, linear
    linear = where(lr == 0, linear, linear + grad - inverse * (after - before) * var)
    closed = where(abs(linear) <= l1, 0, divide_or_zero(l1 * sign(linear) - linear, divisor))
    var = where((divisor == 0) | (lr == 0), where(linear == linear, var, linear), closed)
    return var, accum + grad * grad, linear


def last_rate(last: Any = 0.0, *, lr: Any) -> Any:
    return where(lr == 0, last, lr)


@idle(ftrl_proximal, kept=last_rate, constant=("l1", "l2", "beta", "lr_power"))
def ftrl_proximal_idle(
    var: Any,
    accum: Any,
    linear: Any,
    *,
    last: Any,
    l1: Any,
    l2: Any,
    beta: Any,
    lr_power: Any,
    keep_weights: bool = False,
) -> tuple[Any, Any, Any]:
    return ftrl_proximal(
        var, accum, linear, 0, lr=last, l1=l1, l2=l2, beta=beta, lr_power=lr_power, keep_weights=keep_weights
    )
