"""Adam and its relatives: steps by a decaying mean over the root of a decaying mean square."""

from typing import Any

from .moments import idle_by_moments
from .words import maximum, sqrt

__all__ = ["adam", "adam_delta", "amsgrad", "torch_adam"]


def adam(
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
    beta2_power: Any,
    use_nesterov: bool = False,
) -> tuple[Any, Any, Any]:
    r"""Adam (Kingma & Ba, 2015), with epsilon beside the uncorrected root ("epsilon hat").

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        w &= w - lr \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \cdot \frac{m}{\sqrt{v} + \epsilon}

    With ``use_nesterov``, :math:`\beta_1 m + (1 - \beta_1) g` takes the place of :math:`m` in the last line.

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root of ``v``, before the correction of its bias ("epsilon hat").
        beta1_power, beta2_power: ``beta1**t`` and ``beta2**t`` at step t, counted from 1.
        use_nesterov: look one step ahead along the mean.

    Returns:
        The new ``(var, m, v)``.

    Source: https://arxiv.org/abs/1412.6980, end of section 2.

    >>> var, m, v = adam(1.0, 0.0, 0.0, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8,
    ...                  beta1_power=0.9, beta2_power=0.999)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6)
    (0.9, 0.05, 0.00025)
    """
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    mean = beta1 * m + (1 - beta1) * grad if use_nesterov else m
    var = var - lr * sqrt(1 - beta2_power) / (1 - beta1_power) * mean / (sqrt(v) + epsilon)
    return var, m, v


@idle_by_moments(adam)
def adam_weight(
    *, lr: Any, beta1: Any, beta1_power: Any, beta2_power: Any, use_nesterov: bool, **others: Any
) -> tuple[Any, Any, Any]:
    weight = lr * sqrt(1 - beta2_power) / (1 - beta1_power)
    return weight * beta1 if use_nesterov else weight, 1.0, 1.0


def adam_delta(
    delta: Any,
    m: Any,
    v: Any,
    grad: Any,
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    beta1_power: Any,
    beta2_power: Any,
    use_nesterov: bool = False,
) -> tuple[Any, Any, Any]:
    r"""The change of the weights in a step of ``adam``, without the weights.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        \Delta w &= -lr \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \cdot \frac{m}{\sqrt{v} + \epsilon}

    With ``use_nesterov``, :math:`\beta_1 m + (1 - \beta_1) g` takes the place of :math:`m` in the last line.

    Args:
        delta: the change of the weights, any shape; its old value is ignored.
        m: the decaying mean of the gradients, of the shape of ``delta``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``delta``; starts at 0.
        grad: the gradient g, of the shape of ``delta``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root of ``v``, before the correction of its bias ("epsilon hat").
        beta1_power, beta2_power: ``beta1**t`` and ``beta2**t`` at step t, counted from 1.
        use_nesterov: look one step ahead along the mean.

    Returns:
        The new ``(delta, m, v)``.

    Source: ``mindspore.ops.AdamNoUpdateParam``; https://arxiv.org/abs/1412.6980, end of section 2.

    >>> delta, m, v = adam_delta(0.0, 0.0, 0.0, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8,
    ...                          beta1_power=0.9, beta2_power=0.999)
    >>> round(float(delta), 6), round(float(m), 6), round(float(v), 6)
    (-0.1, 0.05, 0.00025)
    """
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    mean = beta1 * m + (1 - beta1) * grad if use_nesterov else m
    delta = -lr * sqrt(1 - beta2_power) / (1 - beta1_power) * mean / (sqrt(v) + epsilon)
    return delta, m, v


def amsgrad(
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
    beta1_power: Any,
    beta2_power: Any,
) -> tuple[Any, Any, Any, Any]:
    r"""AMSGrad (Reddi et al., 2018): Adam that divides by the root of the largest mean square so far.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        \hat v &= \max(\hat v, v) \\
        w &= w - lr \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \cdot \frac{m}{\sqrt{\hat v} + \epsilon}

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        vhat: the largest ``v`` so far, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root of ``vhat``, before the correction of its bias ("epsilon hat").
        beta1_power, beta2_power: ``beta1**t`` and ``beta2**t`` at step t, counted from 1.

    Returns:
        The new ``(var, m, v, vhat)``.

    Source: On the Convergence of Adam and Beyond, https://arxiv.org/abs/1904.09237.

    >>> var, m, v, vhat = amsgrad(1.0, 0.0, 0.0, 0.001, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8,
    ...                           beta1_power=0.9, beta2_power=0.999)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6), float(vhat)
    (0.95, 0.05, 0.00025, 0.001)
    """
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    vhat = maximum(vhat, v)
    var = var - lr * sqrt(1 - beta2_power) / (1 - beta1_power) * m / (sqrt(vhat) + epsilon)
    return var, m, v, vhat


def corrected_step(
    var: Any,
    m: Any,
    v: Any,
    vhat: Any,
    grad: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    beta1_power: Any,
    beta2_power: Any,
    amsgrad: bool,
) -> tuple[Any, Any, Any, Any]:
    """PyTorch's step of Adam, with or without AMSGrad: epsilon is added to the corrected root.

    Both sides of that fraction are multiplied by the root of 1 - beta2**t: then the factor meets scalars only.
    """
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    if amsgrad:
        vhat = maximum(vhat, v)
    root = sqrt(vhat) if amsgrad else sqrt(v)
    correction = sqrt(1 - beta2_power)
    var = var - lr * correction / (1 - beta1_power) * m / (root + epsilon * correction)
    return var, m, v, vhat


def torch_adam(
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
    weight_decay: Any = 0.0,
    beta1_power: Any,
    beta2_power: Any,
    amsgrad: bool = False,
) -> tuple[Any, Any, Any, Any]:
    r"""Adam as PyTorch computes it: epsilon beside the corrected root, weight decay as a part of the gradient.

    .. math::
        g &= g + \lambda w \\
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
        weight_decay: the strength of the l2 penalty, :math:`\lambda`.
        beta1_power, beta2_power: ``beta1**t`` and ``beta2**t`` at step t, counted from 1.
        amsgrad: divide by the root of the largest mean square so far.

    Returns:
        The new ``(var, m, v, vhat)``.

    Source: ``torch.optim.Adam``; https://arxiv.org/abs/1412.6980, algorithm 1.

    >>> var, m, v, vhat = torch_adam(1.0, 0.0, 0.0, 0.0, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=0.125,
    ...                              beta1_power=0.9, beta2_power=0.999)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6), vhat
    (0.92, 0.05, 0.00025, 0.0)
    """
    grad = grad + weight_decay * var
    return corrected_step(var, m, v, vhat, grad, lr, beta1, beta2, epsilon, beta1_power, beta2_power, amsgrad)


@idle_by_moments(torch_adam, unless=("weight_decay",))
def corrected_weight(*, lr: Any, beta1_power: Any, beta2_power: Any, **others: Any) -> tuple[Any, Any, Any]:
    correction = sqrt(1 - beta2_power)
    return lr * correction / (1 - beta1_power), correction, 1.0
