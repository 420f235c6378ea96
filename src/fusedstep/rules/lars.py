"""LARS: gradients scaled, tensor by tensor, to the norm of the weights."""

from typing import Any

from .words import divide_or_zero, minimum, sqrt, tensor_sum, where

__all__ = ["lars", "lars_gradient"]


def lars(
    var: Any,
    momentum_buffer: Any,
    grad: Any,
    *,
    lr: Any,
    momentum: Any,
    weight_decay: Any,
    coefficient: Any = 0.001,
    epsilon: Any = 0.0,
) -> tuple[Any, Any]:
    r"""LARS (You et al., 2017): momentum with a step size for each tensor.

    .. math::
        \eta &= \theta \frac{\lVert w \rVert}{\lVert g \rVert + \lambda \lVert w \rVert + \epsilon} \\
        b &= \mu b + lr\, \eta\, (g + \lambda w) \\
        w &= w - b

    The norms are over the whole tensor; where one is 0, :math:`\eta` counts as 1.

    Args:
        var: the weights w, any shape.
        momentum_buffer: b, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        momentum: :math:`\mu`, how much of ``momentum_buffer`` a step keeps.
        weight_decay: :math:`\lambda`, the strength of the weight decay.
        coefficient: :math:`\theta`, how much of its norm a tensor may change by.
        epsilon: added to the divisor.

    Returns:
        The new ``(var, momentum_buffer)``.

    Source: https://arxiv.org/abs/1708.03888, algorithm 1.

    >>> import numpy as np
    >>> var, buffer = lars(np.array([3.0, 4.0]), np.zeros(2), np.array([0.6, 0.8]), lr=1.0, momentum=0.9,
    ...                    weight_decay=0.0, coefficient=0.1)
    >>> np.round(var, 6).tolist()
    [2.7, 3.6]
    """
    weight_norm, grad_norm = sqrt(tensor_sum(var * var)), sqrt(tensor_sum(grad * grad))
    rate = coefficient * divide_or_zero(weight_norm, grad_norm + weight_decay * weight_norm + epsilon)
    rate = where((weight_norm == 0) | (grad_norm == 0), 1, rate)
    rate = where(weight_norm + grad_norm >= 0, rate, weight_norm + grad_norm)
    momentum_buffer = momentum * momentum_buffer + lr * rate * (grad + weight_decay * var)
    return var - momentum_buffer, momentum_buffer


def lars_gradient(
    scaled: Any,
    weight: Any,
    grad: Any,
    *,
    norm_weight: Any,
    norm_gradient: Any,
    weight_decay: Any,
    learning_rate: Any,
    epsilon: Any = 1e-5,
    hyperpara: Any = 0.001,
    use_clip: bool = False,
) -> tuple[Any, Any]:
    r"""The gradient that LARS gives to an optimizer, from the squared norms of a tensor and of its gradient.

    .. math::
        \eta &= \theta \frac{\lVert w \rVert}{\lVert g \rVert + \lambda \lVert w \rVert + \epsilon} \\
        \hat g &= \eta\, (g + \lambda w)

    With ``use_clip``, :math:`\min(\eta / lr, 1)` takes the place of :math:`\eta`.

    Args:
        scaled: the scaled gradient, of the shape of ``weight``; its old value is ignored.
        weight: the weights w, any shape; not changed.
        grad: the gradient g, of the shape of ``weight``.
        norm_weight: the sum of the squares of the weights.
        norm_gradient: the sum of the squares of the gradient.
        weight_decay: :math:`\lambda`, the strength of the weight decay.
        learning_rate: lr, the step size of the optimizer that takes the gradient; ignored without ``use_clip``.
        epsilon: added to the divisor.
        hyperpara: :math:`\theta`, how much of its norm a tensor may change by.
        use_clip: limit the factor of the gradient to 1.

    Returns:
        The new ``(scaled, weight)``.

    Source: https://arxiv.org/abs/1708.03888; ``mindspore.ops.LARSUpdate``.

    >>> scaled, weight = lars_gradient(0.0, 2.0, 0.5, norm_weight=4.0, norm_gradient=0.25, weight_decay=0.25,
    ...                                learning_rate=0.1, epsilon=0.0, hyperpara=0.1)
    >>> round(float(scaled), 6)
    0.2
    """
    weight_norm, grad_norm = sqrt(norm_weight), sqrt(norm_gradient)
    rate = hyperpara * divide_or_zero(weight_norm, grad_norm + weight_decay * weight_norm + epsilon)
    rate = minimum(rate / learning_rate, 1) if use_clip else rate
    return rate * (grad + weight_decay * weight), weight
