"""RAdam: Adam whose first steps do not divide by the mean square."""

from typing import Any

from .words import maximum, power, sqrt, where

__all__ = ["radam"]


def radam(
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
    step: Any,
    decoupled: bool = False,
) -> tuple[Any, Any, Any]:
    r"""RAdam (Liu et al., 2020), as PyTorch computes it.

    .. math::
        g &= g + \lambda w \\
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        \rho_\infty &= \frac{2}{1 - \beta_2} - 1, \quad
        \rho_t = \rho_\infty - \frac{2 t \beta_2^t}{1 - \beta_2^t} \\
        r_t &= \sqrt{\frac{(\rho_t - 4)(\rho_t - 2) \rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2) \rho_t}} \\
        w &= w - \frac{lr}{1 - \beta_1^t} m \cdot \begin{cases}
            r_t \sqrt{1 - \beta_2^t} / (\sqrt{v} + \epsilon) & \rho_t > 5 \\ 1 & \rho_t \le 5 \end{cases}

    With ``decoupled``, :math:`w = (1 - lr\, \lambda) w` takes the place of the first line.

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root of ``v``, before the correction of its bias ("epsilon hat").
        weight_decay: the strength of the penalty, :math:`\lambda`.
        step: the step t, counted from 1.
        decoupled: shrink the weights instead of adding to the gradient.

    Returns:
        The new ``(var, m, v)``.

    Source: On the Variance of the Adaptive Learning Rate and Beyond, https://arxiv.org/abs/1908.03265;
    ``torch.optim.RAdam``.

    >>> var, m, v = radam(1.0, 0.0, 0.0, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8, step=1)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6)
    (0.95, 0.05, 0.00025)
    >>> var, m, v = radam(var, m, v, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8, step=100)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6)
    (0.921764, 0.095, 0.0005)
    """
    if decoupled:
        var = (1 - lr * weight_decay) * var
    else:
        grad = grad + weight_decay * var
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    mean = lr / (1 - power(beta1, step)) * m
    correction = 1 - power(beta2, step)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * power(beta2, step) / correction
    # Where the length is 5 or less the factor is ignored, but must be finite.
    rho, limit = maximum(length, 5), maximum(longest, 5)
    factor = sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho) * correction)
    var = var - where(length <= 5, mean, factor * mean / (sqrt(v) + epsilon))
    return var, m, v
