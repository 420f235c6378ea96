"""Adam and its relatives: steps by a decaying mean over the root of a decaying mean square."""

from typing import Any

from .words import sqrt

__all__ = ["adam"]


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
        epsilon: added to the root of ``v``.
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
