"""Adadelta: steps as large as earlier steps were, in units of the gradient's own root mean square."""

from typing import Any

from .words import sqrt

__all__ = ["adadelta", "torch_adadelta"]


def adadelta(
    var: Any,
    accum: Any,
    accum_update: Any,
    grad: Any,
    *,
    lr: Any,
    rho: Any,
    epsilon: Any,
) -> tuple[Any, Any, Any]:
    r"""Adadelta (Zeiler, 2012); the update uses ``accum_update`` of the previous steps.

    .. math::
        accum &= \rho\, accum + (1 - \rho) g^2 \\
        u &= \frac{\sqrt{accum\_update + \epsilon}}{\sqrt{accum + \epsilon}} g \\
        accum\_update &= \rho\, accum\_update + (1 - \rho) u^2 \\
        w &= w - lr\, u

    Args:
        var: the weights w, any shape.
        accum: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        accum_update: the decaying mean of the squared updates u, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        rho: how much of ``accum`` and ``accum_update`` a step keeps, in [0, 1).
        epsilon: added under both roots; must be positive if both states start at 0.

    Returns:
        The new ``(var, accum, accum_update)``.

    Source: https://arxiv.org/abs/1212.5701, algorithm 1.

    >>> var, accum, accum_update = adadelta(1.0, 0.05, 0.15, 0.3, lr=0.1, rho=0.5, epsilon=0.01)
    >>> round(float(var), 6), round(float(accum), 6), round(float(accum_update), 6)
    (0.957574, 0.07, 0.165)
    """
    accum = rho * accum + (1 - rho) * grad * grad
    update = sqrt(accum_update + epsilon) / sqrt(accum + epsilon) * grad
    accum_update = rho * accum_update + (1 - rho) * update * update
    var = var - lr * update
    return var, accum, accum_update


def torch_adadelta(
    var: Any, accum: Any, accum_update: Any, grad: Any, *, lr: Any, rho: Any, epsilon: Any, weight_decay: Any = 0.0
) -> tuple[Any, Any, Any]:
    r"""Adadelta as PyTorch computes it: weight decay as a part of the gradient.

    .. math::
        g &= g + \lambda w \\
        accum &= \rho\, accum + (1 - \rho) g^2 \\
        u &= \frac{\sqrt{accum\_update + \epsilon}}{\sqrt{accum + \epsilon}} g \\
        accum\_update &= \rho\, accum\_update + (1 - \rho) u^2 \\
        w &= w - lr\, u

    Args:
        var: the weights w, any shape.
        accum: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        accum_update: the decaying mean of the squared updates u, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        rho: how much of ``accum`` and ``accum_update`` a step keeps, in [0, 1).
        epsilon: added under both roots; must be positive if both states start at 0.
        weight_decay: the strength of the l2 penalty, :math:`\lambda`.

    Returns:
        The new ``(var, accum, accum_update)``.

    Source: ``torch.optim.Adadelta``.

    >>> var, accum, accum_update = torch_adadelta(1.0, 0.05, 0.15, 0.2, lr=0.1, rho=0.5, epsilon=0.01,
    ...                                           weight_decay=0.1)
    >>> round(float(var), 6), round(float(accum), 6), round(float(accum_update), 6)
    (0.957574, 0.07, 0.165)
    """
    return adadelta(var, accum, accum_update, grad + weight_decay * var, lr=lr, rho=rho, epsilon=epsilon)
