"""Adam with decoupled weight decay: the weights shrink apart from the gradient."""

from typing import Any

from .adam import corrected_step
from .moments import idle_by_moments
from .words import sqrt, where

__all__ = ["adam_weight_decay", "adam_weight_decay_by_norm", "adamw"]


def adam_weight_decay(
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
) -> tuple[Any, Any, Any]:
    r"""Adam with decoupled weight decay and without bias correction, as BERT was trained.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        w &= w - lr \left(\frac{m}{\sqrt{v} + \epsilon} + \lambda w\right)

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root of ``v``, whose bias is not corrected.
        decay: the strength of the weight decay, :math:`\lambda`.

    Returns:
        The new ``(var, m, v)``.

    Source: https://arxiv.org/abs/1810.04805 and ``mindspore.ops.AdamWeightDecay``.

    >>> var, m, v = adam_weight_decay(1.0, 0.0, 0.0, 0.5, lr=0.1, beta1=0.9, beta2=0.99, epsilon=0.05, decay=0.1)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6)
    (0.94, 0.05, 0.0025)
    """
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    var = var - lr * (m / (sqrt(v) + epsilon) + decay * var)
    return var, m, v


@idle_by_moments(adam_weight_decay)
def uncorrected_weight(*, lr: Any, decay: Any, **others: Any) -> tuple[Any, Any, Any]:
    return lr, 1.0, 1 - lr * decay


def adam_weight_decay_by_norm(
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
    global_norm: Any,
) -> tuple[Any, Any, Any]:
    r"""``adam_weight_decay`` with the gradient divided by a norm, where that is positive.

    .. math::
        g &= g / norm \\
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        w &= w - lr \left(\frac{m}{\sqrt{v} + \epsilon} + \lambda w\right)

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root of ``v``, whose bias is not corrected.
        decay: the strength of the weight decay, :math:`\lambda`.
        global_norm: the divisor of the gradient; with 0 or less the gradient is not divided.

    Returns:
        The new ``(var, m, v)``.

    Source: ``mindspore.ops.FusedCastAdamWeightDecay``.

    >>> var, m, v = adam_weight_decay_by_norm(1.0, 0.0, 0.0, 1.0, lr=0.1, beta1=0.9, beta2=0.99, epsilon=0.05,
    ...                                       decay=0.1, global_norm=2.0)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6)
    (0.94, 0.05, 0.0025)
    """
    grad = grad / where(global_norm <= 0, 1, global_norm)
    return adam_weight_decay(var, m, v, grad, lr=lr, beta1=beta1, beta2=beta2, epsilon=epsilon, decay=decay)


def adamw(
    var: Any,
    m: Any,
    v: Any,
    vhat: Any,
    grad: Any,
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    weight_decay: Any,
    beta1_power: Any,
    beta2_power: Any,
    amsgrad: bool = False,
) -> tuple[Any, Any, Any, Any]:
    r"""AdamW (Loshchilov & Hutter, 2019): Adam on weights that are shrunk first.

    .. math::
        w &= (1 - lr\, \lambda) w \\
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        w &= w - lr \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    With ``amsgrad``, :math:`\hat v = \max(\hat v, v)` takes the place of :math:`v` in the last line; without it,
    ``vhat`` is neither used nor changed.

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        vhat: the largest ``v`` so far, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root of ``v`` after the correction of its bias.
        weight_decay: the strength of the weight decay, :math:`\lambda`.
        beta1_power, beta2_power: ``beta1**t`` and ``beta2**t`` at step t, counted from 1.
        amsgrad: divide by the root of the largest mean square so far.

    Returns:
        The new ``(var, m, v, vhat)``.

    Source: Decoupled Weight Decay Regularization, https://arxiv.org/abs/1711.05101; ``torch.optim.AdamW``.

    >>> var, m, v, vhat = adamw(1.0, 0.0, 0.0, 0.0, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=0.125,
    ...                         weight_decay=0.1, beta1_power=0.9, beta2_power=0.999)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6), vhat
    (0.91, 0.05, 0.00025, 0.0)
    """
    var = (1 - lr * weight_decay) * var
    return corrected_step(var, m, v, vhat, grad, lr, beta1, beta2, epsilon, beta1_power, beta2_power, amsgrad)


@idle_by_moments(adamw)
def adamw_weight(
    *, lr: Any, beta1_power: Any, beta2_power: Any, weight_decay: Any, **others: Any
) -> tuple[Any, Any, Any]:
    correction = sqrt(1 - beta2_power)
    return lr * correction / (1 - beta1_power), correction, 1 - lr * weight_decay
