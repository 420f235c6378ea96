"""Gradient descent: steps against the gradient alone."""

from typing import Any

from .idle import idle
from .words import abs, maximum, sign

__all__ = ["gradient_descent", "proximal_gradient_descent"]


def gradient_descent(var: Any, grad: Any, *, lr: Any) -> Any:
    r"""Gradient descent.

    .. math::
        w = w - lr\, g

    Args:
        var: the weights w, any shape.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.

    Returns:
        The new ``var``.

    Source: ``mindspore.ops.ApplyGradientDescent``.

    >>> round(float(gradient_descent(1.0, 0.5, lr=0.1)), 6)
    0.95
    """
    return var - lr * grad


@idle(gradient_descent)
def gradient_descent_idle(var: Any) -> Any:
    return var


def proximal_gradient_descent(var: Any, grad: Any, *, lr: Any, l1: Any, l2: Any) -> Any:
    r"""Proximal gradient descent (Duchi & Singer, 2009): a step, then shrinkage by l1 and l2.

    .. math::
        p &= w - lr\, g \\
        w &= \frac{sign(p)}{1 + lr\, l_2} \max(|p| - lr\, l_1, 0)

    Args:
        var: the weights w, any shape.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        l1: the strength of the l1 penalty; it makes weights exactly 0.
        l2: the strength of the l2 penalty.

    Returns:
        The new ``var``.

    Source: Efficient Learning using Forward-Backward Splitting, NeurIPS 2009.

    >>> round(float(proximal_gradient_descent(1.0, 0.5, lr=0.1, l1=0.5, l2=2.0)), 6)
    0.75
    """
    prox_v = var - lr * grad
    return 1 / (1 + lr * l2) * sign(prox_v) * maximum(abs(prox_v) - lr * l1, 0)


def shrinkage_kept(scale: Any = 1.0, cut: Any = 0.0, *, lr: Any, l1: Any, l2: Any) -> tuple[Any, Any]:
    return scale / (1 + lr * l2), (cut + lr * l1) / (1 + lr * l2)


@idle(proximal_gradient_descent, kept=shrinkage_kept)
def shrinkage(var: Any, *, scale: Any, cut: Any) -> Any:
    # A weight of 0 stays 0, so that the cuts of all steps add up.
    return sign(var) * maximum(scale * abs(var) - cut, 0)
