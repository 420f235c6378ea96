"""LAMB: Adam's direction, with a step as long as the weights of the tensor."""

from typing import Any

from .words import divide_or_zero, sqrt, tensor_sum, where

__all__ = ["lamb", "lamb_direction", "lamb_step"]


def lamb(
    var: Any,
    m: Any,
    v: Any,
    grad: Any,
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    decay: Any,
    beta1_power: Any,
    beta2_power: Any,
) -> tuple[Any, Any, Any]:
    r"""LAMB (You et al., 2020): the direction of Adam, stretched to the norm of the weights.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        u &= \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon} + \lambda w \\
        w &= w - lr \frac{\lVert w \rVert}{\lVert u \rVert} u

    The norms are over the whole tensor; where one is 0, their ratio counts as 1.

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root of ``v`` after the correction of its bias.
        decay: :math:`\lambda`, the strength of the weight decay.
        beta1_power, beta2_power: ``beta1**t`` and ``beta2**t`` at step t, counted from 1; 0 for no correction.

    Returns:
        The new ``(var, m, v)``.

    Source: https://arxiv.org/abs/1904.00962, algorithm 2.

    >>> import numpy as np
    >>> var, m, v = lamb(np.array([3.0, 4.0]), np.zeros(2), np.zeros(2), np.array([0.1, -0.1]), lr=0.1, beta1=0.9,
    ...                  beta2=0.999, epsilon=0.0, decay=0.0, beta1_power=0.9, beta2_power=0.999)
    >>> np.round(var, 6).tolist()
    [2.646447, 4.353553]
    """
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    u = m / (1 - beta1_power) / (sqrt(v / (1 - beta2_power)) + epsilon) + decay * var
    return var - lr * trust(sqrt(tensor_sum(var * var)), sqrt(tensor_sum(u * u))) * u, m, v


def trust(weight_norm: Any, update_norm: Any) -> Any:
    """The ratio of two norms; 1 where one is 0 and neither is NaN."""
    ratio = where((weight_norm == 0) | (update_norm == 0), 1, divide_or_zero(weight_norm, update_norm))
    return where(weight_norm + update_norm >= 0, ratio, weight_norm + update_norm)


def lamb_direction(
    update: Any,
    v: Any,
    m: Any,
    var: Any,
    grad: Any,
    *,
    beta1: Any,
    sub1: Any,
    beta2: Any,
    sub2: Any,
    epsilon: Any,
    steps: Any,
    decay_flag: Any,
    weight_decay: Any,
) -> tuple[Any, Any, Any, Any]:
    r"""The first half of LAMB: the moments, and the direction of the step.

    .. math::
        v &= \beta_2 v + s_2 g^2 \\
        m &= \beta_1 m + s_1 g \\
        u &= \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon} + \lambda w

    Args:
        update: the direction u, of the shape of ``var``; its old value is ignored.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        var: the weights w, any shape; not changed.
        grad: the gradient g, of the shape of ``var``.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        sub1, sub2: how much of the gradient and of its square a step adds, ``1 - beta1`` and ``1 - beta2``.
        epsilon: added to the root of ``v`` after the correction of its bias.
        steps: the step t, counted from 1.
        decay_flag: 1 with weight decay, 0 without.
        weight_decay: :math:`\lambda`, the strength of the weight decay.

    Returns:
        The new ``(update, v, m, var)``.

    Source: https://arxiv.org/abs/1904.00962, algorithm 2.

    >>> update, v, m, var = lamb_direction(0.0, 0.0, 0.0, 2.0, 0.5, beta1=0.9, sub1=0.1, beta2=0.999, sub2=0.001,
    ...                                    epsilon=0.0, steps=1, decay_flag=1, weight_decay=0.1)
    >>> round(float(update), 6), round(float(v), 6), round(float(m), 6)
    (1.2, 0.00025, 0.05)
    """
    v = beta2 * v + sub2 * grad * grad
    m = beta1 * m + sub1 * grad
    decay = where(decay_flag == 0, 0, weight_decay)
    update = m / (1 - beta1**steps) / (sqrt(v / (1 - beta2**steps)) + epsilon) + decay * var
    return update, v, m, var


def lamb_step(var: Any, grad: Any, *, w_norm: Any, g_norm: Any, lr: Any) -> Any:
    r"""The second half of LAMB: a step along the direction, as long as the weights.

    .. math::
        w = w - lr \frac{\lVert w \rVert}{\lVert u \rVert} u

    Where one of the norms is 0, their ratio counts as 1.

    Args:
        var: the weights w, any shape.
        grad: the direction u, of the shape of ``var``.
        w_norm: the norm of the weights.
        g_norm: the norm of the direction.
        lr: the step size.

    Returns:
        The new ``var``.

    Source: https://arxiv.org/abs/1904.00962, algorithm 2.

    >>> round(float(lamb_step(2.0, 0.5, w_norm=3.0, g_norm=1.5, lr=0.1)), 6)
    1.9
    """
    return var - lr * trust(w_norm, g_norm) * grad
