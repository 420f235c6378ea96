"""AdaMax: steps by a decaying mean over the decaying largest gradient."""

from typing import Any

from .words import abs, maximum

__all__ = ["adamax", "torch_adamax"]


def adamax(
    var: Any,
    m: Any,
    v: Any,
    grad: Any,
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    beta1_power: Any,
) -> tuple[Any, Any, Any]:
    r"""AdaMax (Kingma & Ba, 2015), with epsilon beside the norm.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \max(\beta_2 v, |g|) \\
        w &= w - \frac{lr}{1 - \beta_1^t} \cdot \frac{m}{v + \epsilon}

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying largest magnitude of the gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to ``v``.
        beta1_power: ``beta1**t`` at step t, counted from 1.

    Returns:
        The new ``(var, m, v)``.

    Source: https://arxiv.org/abs/1412.6980, section 7.1; ``mindspore.ops.ApplyAdaMax``.

    >>> var, m, v = adamax(1.0, 0.0, 0.0, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=0.125, beta1_power=0.9)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6)
    (0.92, 0.05, 0.5)
    """
    m = beta1 * m + (1 - beta1) * grad
    v = maximum(beta2 * v, abs(grad))
    var = var - lr / (1 - beta1_power) * m / (v + epsilon)
    return var, m, v


def torch_adamax(
    var: Any,
    m: Any,
    v: Any,
    grad: Any,
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    weight_decay: Any = 0.0,
    beta1_power: Any,
) -> tuple[Any, Any, Any]:
    r"""AdaMax as PyTorch computes it: epsilon inside the maximum, weight decay as a part of the gradient.

    .. math::
        g &= g + \lambda w \\
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \max(\beta_2 v, |g| + \epsilon) \\
        w &= w - \frac{lr}{1 - \beta_1^t} \cdot \frac{m}{v}

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying largest magnitude of the gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the gradient's magnitude; must be positive if the first gradients may be 0.
        weight_decay: the strength of the l2 penalty, :math:`\lambda`.
        beta1_power: ``beta1**t`` at step t, counted from 1.

    Returns:
        The new ``(var, m, v)``.

    Source: ``torch.optim.Adamax``; https://arxiv.org/abs/1412.6980, section 7.1.

    >>> var, m, v = torch_adamax(1.0, 0.0, 0.0, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=0.125, beta1_power=0.9)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6)
    (0.92, 0.05, 0.625)
    """
    grad = grad + weight_decay * var
    m = beta1 * m + (1 - beta1) * grad
    v = maximum(beta2 * v, abs(grad) + epsilon)
    var = var - lr / (1 - beta1_power) * m / v
    return var, m, v
