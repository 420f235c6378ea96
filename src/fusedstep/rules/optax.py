"""Rules as optax computes them, where it computes something else than the other rules."""

from typing import Any

from .lamb import trust
from .words import maximum, sqrt, tensor_sum, where

__all__ = ["optax_adam", "optax_lamb", "optax_lars", "optax_radam", "optax_rmsprop"]


def optax_adam(
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
    epsilon_root: Any = 0.0,
    weight_decay: Any = 0.0,
    beta1_power: Any,
    beta2_power: Any,
    nesterov: bool = False,
    amsgrad: bool = False,
) -> tuple[Any, Any, Any, Any]:
    r"""Adam, AdamW, NAdam and AMSGrad as optax computes them.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        \hat m &= m / (1 - \beta_1^t), \quad \hat v = v / (1 - \beta_2^t) \\
        u &= \frac{\hat m}{\sqrt{\hat v + \epsilon_{root}} + \epsilon} + \lambda w \\
        w &= w - lr\, u

    With ``nesterov``, :math:`\hat m = \beta_1 m / (1 - \beta_1^{t+1}) + (1 - \beta_1) g / (1 - \beta_1^t)`. With
    ``amsgrad``, the largest :math:`\hat v` of all steps takes the place of :math:`\hat v`.

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        vhat: the largest corrected ``v`` so far, of the shape of ``var``; not used without ``amsgrad``.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root, after the correction of the bias; optax' ``eps``.
        epsilon_root: added under the root, after the correction of the bias; optax' ``eps_root``.
        weight_decay: the strength of the weight decay, :math:`\lambda`.
        beta1_power, beta2_power: ``beta1**t`` and ``beta2**t`` at step t, counted from 1.
        nesterov: look one step ahead along the mean.
        amsgrad: divide by the root of the largest ``v`` so far.

    Returns:
        The new ``(var, m, v, vhat)``.

    Source: ``optax.adam``, ``optax.adamw``, ``optax.nadam``, ``optax.amsgrad``.

    >>> var, m, v, _ = optax_adam(1.0, 0.0, 0.0, None, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=0.125,
    ...                           beta1_power=0.9, beta2_power=0.999)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6)
    (0.92, 0.05, 0.00025)
    """
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    corrected = v / (1 - beta2_power)
    if amsgrad:
        vhat = maximum(vhat, corrected)
    mean = looking_ahead(m, grad, beta1, beta1_power, nesterov)
    update = mean / (sqrt((vhat if amsgrad else corrected) + epsilon_root) + epsilon) + weight_decay * var
    return var - lr * update, m, v, vhat


def looking_ahead(m: Any, grad: Any, beta1: Any, beta1_power: Any, nesterov: bool) -> Any:
    """The corrected mean of the gradients; with ``nesterov``, as it would be with the same gradient once more."""
    if not nesterov:
        return m / (1 - beta1_power)
    return beta1 / (1 - beta1_power * beta1) * m + (1 - beta1) / (1 - beta1_power) * grad


def optax_lamb(
    var: Any,
    m: Any,
    v: Any,
    grad: Any,
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    epsilon_root: Any = 0.0,
    weight_decay: Any = 0.0,
    beta1_power: Any,
    beta2_power: Any,
) -> tuple[Any, Any, Any]:
    r"""LAMB (You et al., 2020) as optax computes it: ``lamb`` with a second epsilon.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        u &= \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t) + \epsilon_{root}} + \epsilon} + \lambda w \\
        w &= w - lr \frac{\lVert w \rVert}{\lVert u \rVert} u

    Where one of the norms is 0, their ratio counts as 1.

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root, after the correction of the bias; optax' ``eps``.
        epsilon_root: added under the root, after the correction of the bias; optax' ``eps_root``.
        weight_decay: the strength of the weight decay, :math:`\lambda`.
        beta1_power, beta2_power: ``beta1**t`` and ``beta2**t`` at step t, counted from 1.

    Returns:
        The new ``(var, m, v)``.

    Source: ``optax.lamb``; https://arxiv.org/abs/1904.00962.

    >>> import numpy as np
    >>> var, m, v = optax_lamb(np.array([3.0, 4.0]), np.zeros(2), np.zeros(2), np.array([0.5, -0.5]), lr=0.1, beta1=0.9,
    ...                        beta2=0.999, epsilon=0.0, beta1_power=0.9, beta2_power=0.999)
    >>> np.round(var, 6).tolist()
    [2.646447, 4.353553]
    """
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    root = sqrt(v / (1 - beta2_power) + epsilon_root) + epsilon
    update = m / (1 - beta1_power) / root + weight_decay * var
    ratio = trust(sqrt(tensor_sum(var * var)), sqrt(tensor_sum(update * update)))
    return var - lr * ratio * update, m, v


def optax_radam(
    var: Any,
    m: Any,
    v: Any,
    grad: Any,
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    epsilon_root: Any = 0.0,
    threshold: Any = 5.0,
    step: Any,
    beta1_power: Any,
    beta2_power: Any,
    nesterov: bool = False,
) -> tuple[Any, Any, Any]:
    r"""RAdam (Liu et al., 2020) as optax computes it: ``epsilon`` is added after the bias correction.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        \hat m &= m / (1 - \beta_1^t), \quad \hat v = v / (1 - \beta_2^t) \\
        \rho_\infty &= \frac{2}{1 - \beta_2} - 1, \quad \rho = \rho_\infty - \frac{2 t \beta_2^t}{1 - \beta_2^t} \\
        r &= \sqrt{\frac{(\rho - 4) (\rho - 2) \rho_\infty}{(\rho_\infty - 4) (\rho_\infty - 2) \rho}} \\
        w &= w - lr \begin{cases} r\, \hat m / (\sqrt{\hat v + \epsilon_{root}} + \epsilon) & \rho \ge threshold \\
            \hat m & else \end{cases}

    With ``nesterov``, :math:`\hat m = \beta_1 m / (1 - \beta_1^{t+1}) + (1 - \beta_1) g / (1 - \beta_1^t)`.

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root, after the correction of the bias; optax' ``eps``.
        epsilon_root: added under the root, after the correction of the bias; optax' ``eps_root``.
        threshold: the least :math:`\rho` of a step that is divided by the root, above 4.
        step: the step t, counted from 1.
        beta1_power, beta2_power: ``beta1**t`` and ``beta2**t``.
        nesterov: look one step ahead along the mean.

    Returns:
        The new ``(var, m, v)``.

    Source: ``optax.radam``; https://arxiv.org/abs/1908.03265.

    >>> var, m, v = optax_radam(1.0, 0.0, 0.0, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8, step=1,
    ...                         beta1_power=0.9, beta2_power=0.999)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6)
    (0.95, 0.05, 0.00025)
    """
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    mean = looking_ahead(m, grad, beta1, beta1_power, nesterov)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2_power / (1 - beta2_power)
    # A length below the threshold takes the other branch, where the root must not be that of a negative number.
    rho, limit = maximum(length, 4), maximum(longest, 5)
    factor = sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
    divided = factor * mean / (sqrt(v / (1 - beta2_power) + epsilon_root) + epsilon)
    return var - lr * where(length >= threshold, divided, mean), m, v


def optax_rmsprop(
    var: Any,
    mean_gradient: Any,
    mean_square: Any,
    moment: Any,
    grad: Any,
    *,
    lr: Any,
    rho: Any,
    epsilon: Any,
    momentum: Any = 0.0,
    rho_power: Any,
    centered: bool = False,
    epsilon_in_root: bool = True,
    use_momentum: bool = True,
    nesterov: bool = False,
) -> tuple[Any, Any, Any, Any]:
    r"""RMSProp as optax computes it, with its choice of the place of ``epsilon``.

    .. math::
        s &= \rho s + (1 - \rho) g^2 \\
        u &= lr \frac{g}{\sqrt{s / (1 - \rho^t) + \epsilon}} \\
        b &= \mu b + u \\
        w &= w - b

    With ``centered``, :math:`s / (1 - \rho^t) - (a / (1 - \rho^t))^2` takes the place of the first term under the root,
    where a is the decaying mean of the gradients. Without ``epsilon_in_root``, :math:`\epsilon` is added to the root.
    With ``nesterov`` :math:`w = w - (u + \mu b)`, and without ``use_momentum`` :math:`w = w - u`.

    Args:
        var: the weights w, any shape.
        mean_gradient: a, of the shape of ``var``; starts at 0; not used without ``centered``.
        mean_square: s, of the shape of ``var``; starts at 0.
        moment: the momentum b, of the shape of ``var``; starts at 0; not used without ``use_momentum``.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        rho: how much of the means a step keeps, in [0, 1).
        epsilon: added under the root.
        momentum: how much of the momentum a step keeps, :math:`\mu`.
        rho_power: ``rho**t`` at step t, counted from 1; 0 for no bias correction.
        centered: subtract the square of the mean of the gradients.
        epsilon_in_root: add ``epsilon`` under the root.
        use_momentum: step along the momentum.
        nesterov: look one step ahead along the momentum.

    Returns:
        The new ``(var, mean_gradient, mean_square, moment)``.

    Source: ``optax.rmsprop``.

    >>> var, _, square, moment = optax_rmsprop(1.0, None, 0.0, 0.0, 0.5, lr=0.1, rho=0.75, epsilon=0.0,
    ...                                          rho_power=0.0)
    >>> round(float(var), 6), round(float(square), 6), round(float(moment), 6)
    (0.8, 0.0625, 0.2)
    """
    mean_square = rho * mean_square + (1 - rho) * grad * grad
    variance = mean_square / (1 - rho_power)
    if centered:
        mean_gradient = rho * mean_gradient + (1 - rho) * grad
        mean = mean_gradient / (1 - rho_power)
        variance = variance - mean * mean
    update = lr * grad / (sqrt(variance + epsilon) if epsilon_in_root else sqrt(variance) + epsilon)
    if use_momentum:
        moment = momentum * moment + update
        update = update + momentum * moment if nesterov else moment
    return var - update, mean_gradient, mean_square, moment


def optax_lars(
    var: Any,
    momentum_buffer: Any,
    grad: Any,
    *,
    lr: Any,
    momentum: Any,
    weight_decay: Any = 0.0,
    coefficient: Any = 0.001,
    epsilon: Any = 0.0,
    nesterov: bool = False,
) -> tuple[Any, Any]:
    r"""LARS (You et al., 2017) as optax computes it: the norm is that of the sum of gradient and weight decay.

    .. math::
        g &= g + \lambda w \\
        u &= lr \frac{c \lVert w \rVert}{\lVert g \rVert + \epsilon} g \\
        b &= \mu b + u \\
        w &= w - b

    Where a norm or c is 0, :math:`u = lr\, g`. With ``nesterov`` :math:`w = w - (u + \mu b)`.

    Args:
        var: the weights w, any shape.
        momentum_buffer: the momentum b, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        momentum: how much of the momentum a step keeps, :math:`\mu`.
        weight_decay: the strength of the l2 penalty, :math:`\lambda`.
        coefficient: c, the trust in the ratio of the norms; 0 for steps without it.
        epsilon: added to the norm of the gradient.
        nesterov: look one step ahead along the momentum.

    Returns:
        The new ``(var, momentum_buffer)``.

    Source: ``optax.lars``; Large Batch Training of Convolutional Networks, https://arxiv.org/abs/1708.03888.

    >>> import numpy as np
    >>> var, momentum_buffer = optax_lars(np.array([3.0, 4.0]), np.zeros(2), np.array([0.6, 0.8]), lr=0.1,
    ...                                   momentum=0.9, coefficient=0.5)
    >>> np.round(var, 6).tolist()
    [2.85, 3.8]
    """
    grad = grad + weight_decay * var
    weight_norm, grad_norm = sqrt(tensor_sum(var * var)), sqrt(tensor_sum(grad * grad))
    ratio = trust(coefficient * weight_norm, grad_norm + where(grad_norm == 0, 0, epsilon))
    update = lr * ratio * grad
    momentum_buffer = momentum * momentum_buffer + update
    return var - (update + momentum * momentum_buffer if nesterov else momentum_buffer), momentum_buffer
