"""NAdam: Adam that looks one step ahead along its mean."""

from typing import Any

from .words import sqrt

__all__ = ["nadam"]


def nadam(
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
    mu: Any,
    mu_next: Any,
    mu_product: Any,
    beta2_power: Any,
    decoupled: bool = False,
) -> tuple[Any, Any, Any]:
    r"""NAdam (Dozat, 2016), as PyTorch computes it.

    .. math::
        g &= g + \lambda w \\
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        w &= w - \frac{lr}{\sqrt{v / (1 - \beta_2^t)} + \epsilon} \left(
            \frac{1 - \mu_t}{1 - \prod_{i \le t} \mu_i} g
            + \frac{\mu_{t+1}}{1 - \prod_{i \le t + 1} \mu_i} m \right)

    With ``decoupled``, :math:`w = (1 - lr\, \lambda) w` takes the place of the first line.

    The caller passes three scalars of step t, counted from 1: ``mu``, which PyTorch computes as
    ``beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))`` with a ``momentum_decay`` of 0.004; ``mu_next``, the same at
    t + 1; and ``mu_product``, the product of all ``mu`` including that of this step.

    Args:
        var: the weights w, any shape.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root of ``v`` after the correction of its bias.
        weight_decay: the strength of the penalty, :math:`\lambda`.
        mu, mu_next: the momentum of this step and of the next.
        mu_product: the product of the momenta of all steps, including this one.
        beta2_power: ``beta2**t`` at step t.
        decoupled: shrink the weights instead of adding to the gradient.

    Returns:
        The new ``(var, m, v)``.

    Source: ``torch.optim.NAdam``; Incorporating Nesterov Momentum into Adam, ICLR 2016 workshop.

    >>> var, m, v = nadam(1.0, 0.0, 0.0, 0.5, lr=0.1, beta1=0.9, beta2=0.999, epsilon=0.125, mu=0.5, mu_next=0.5,
    ...                   mu_product=0.5, beta2_power=0.999)
    >>> round(float(var), 6), round(float(m), 6), round(float(v), 6)
    (0.914667, 0.05, 0.00025)
    """
    if decoupled:
        var = (1 - lr * weight_decay) * var
    else:
        grad = grad + weight_decay * var
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    # Both sides of the fraction are multiplied by this: then the factor meets scalars only.
    correction = sqrt(1 - beta2_power)
    now = lr * correction * (1 - mu) / (1 - mu_product) * grad
    ahead = lr * correction * mu_next / (1 - mu_product * mu_next) * m
    var = var - (now + ahead) / (sqrt(v) + epsilon * correction)
    return var, m, v
