"""Steps by the signs of the gradient and of its mean."""

from typing import Any

from .words import exp, sign, where

__all__ = ["add_sign", "lion", "power_sign"]


def add_sign(
    var: Any,
    m: Any,
    grad: Any,
    *,
    lr: Any,
    alpha: Any,
    sign_decay: Any,
    beta: Any,
) -> tuple[Any, Any]:
    r"""AddSign (Bello et al., 2017): longer steps where the gradient and its mean agree.

    .. math::
        m &= \beta m + (1 - \beta) g \\
        w &= w - lr (\alpha + d\, sign(g)\, sign(m)) g

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        alpha: the step where either sign is 0.
        sign_decay: how much longer a step is where the signs agree, d.
        beta: how much of ``m`` a step keeps, in [0, 1).

    Returns:
        The new ``(var, m)``.

    Source: Neural Optimizer Search with Reinforcement Learning, https://arxiv.org/abs/1709.07417.

    >>> var, m = add_sign(1.0, 0.5, -0.5, lr=0.1, alpha=1.0, sign_decay=0.5, beta=0.9)
    >>> round(float(var), 6), round(float(m), 6)
    (1.025, 0.4)
    """
    m = beta * m + (1 - beta) * grad
    var = var - (lr * alpha + lr * sign_decay * sign(grad) * sign(m)) * grad
    return var, m


def power_sign(
    var: Any,
    m: Any,
    grad: Any,
    *,
    lr: Any,
    logbase: Any,
    sign_decay: Any,
    beta: Any,
) -> tuple[Any, Any]:
    r"""PowerSign (Bello et al., 2017): steps multiplied where the gradient and its mean agree, else divided.

    .. math::
        m &= \beta m + (1 - \beta) g \\
        w &= w - lr\, e^{b\, d\, sign(g)\, sign(m)} g

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        logbase: the logarithm b of the factor.
        sign_decay: the factor of the logarithm, d.
        beta: how much of ``m`` a step keeps, in [0, 1).

    Returns:
        The new ``(var, m)``.

    Source: Neural Optimizer Search with Reinforcement Learning, https://arxiv.org/abs/1709.07417.

    >>> var, m = power_sign(1.0, 0.5, 0.5, lr=0.1, logbase=0.693147180559945, sign_decay=1.0, beta=0.9)
    >>> round(float(var), 6), round(float(m), 6)
    (0.9, 0.5)
    """
    m = beta * m + (1 - beta) * grad
    agreement = sign(grad) * sign(m)
    # It is -1, 0, 1 or NaN: two powers, computed once per call, cover all cases.
    longer, shorter = lr * exp(logbase * sign_decay), lr * exp(-logbase * sign_decay)
    var = var - where(agreement > 0, longer, where(agreement < 0, shorter, lr + agreement)) * grad
    return var, m


def lion(
    var: Any,
    m: Any,
    grad: Any,
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    weight_decay: Any = 0.0,
) -> tuple[Any, Any]:
    r"""Lion (Chen et al., 2023): steps of one size, by the sign of a mean.

    .. math::
        w &= w - lr\, (sign(\beta_1 m + (1 - \beta_1) g) + \lambda w) \\
        m &= \beta_2 m + (1 - \beta_2) g

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1: the weight of ``m`` beside the gradient in the step, in [0, 1).
        beta2: how much of ``m`` a step keeps, in [0, 1).
        weight_decay: the strength of the weight decay, :math:`\lambda`.

    Returns:
        The new ``(var, m)``.

    Source: Symbolic Discovery of Optimization Algorithms, https://arxiv.org/abs/2302.06675, algorithm 2.

    >>> var, m = lion(1.0, 0.5, -0.5, lr=0.1, beta1=0.9, beta2=0.99, weight_decay=0.1)
    >>> round(float(var), 6), round(float(m), 6)
    (0.89, 0.49)
    """
    update = sign(beta1 * m + (1 - beta1) * grad)
    var = var - lr * (update + weight_decay * var)
    m = beta2 * m + (1 - beta2) * grad
    return var, m
