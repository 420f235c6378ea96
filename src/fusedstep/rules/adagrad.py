"""Adagrad and its relatives: steps that shrink with the root of all squared gradients so far."""

from typing import Any

from .words import divide_or_zero, maximum, sign, sqrt

__all__ = ["proximal_adagrad"]


def proximal_adagrad(
    var: Any,
    accum: Any,
    grad: Any,
    *,
    lr: Any,
    l1: Any,
    l2: Any,
    shrink_by_rate: bool = False,
) -> tuple[Any, Any]:
    r"""Proximal Adagrad (Duchi & Singer, 2009): a step of Adagrad, then shrinkage by l1 and l2.

    .. math::
        accum &= accum + g^2 \\
        p &= w - \frac{lr}{\sqrt{accum}} g \\
        w &= \frac{sign(p)}{1 + lr\, l_2} \max(|p| - lr\, l_1, 0)

    With ``shrink_by_rate``, :math:`lr / \sqrt{accum}` takes the place of :math:`lr` in the last line: what MindSpore's
    and TensorFlow's kernels compute, against their documentation. Where ``accum`` is exactly 0 nothing was ever seen,
    and :math:`lr / \sqrt{accum}` counts as 0: no gradient step is taken.

    Args:
        var: the weights w, any shape.
        accum: the sum of the squared gradients, of the shape of ``var``.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        l1: the strength of the l1 penalty; it makes weights exactly 0.
        l2: the strength of the l2 penalty.
        shrink_by_rate: shrink by each element's own rate.

    Returns:
        The new ``(var, accum)``.

    Source: Efficient Learning using Forward-Backward Splitting, NeurIPS 2009.

    >>> var, accum = proximal_adagrad(0.6, 0.6, 0.3, lr=0.01, l1=0.0, l2=0.0)
    >>> round(float(var), 6), round(float(accum), 6)
    (0.596388, 0.69)
    """
    accum = accum + grad * grad
    rate = divide_or_zero(lr, sqrt(accum))
    prox_v = var - rate * grad
    shrink = rate if shrink_by_rate else lr
    var = sign(prox_v) / (1 + shrink * l2) * maximum(abs(prox_v) - shrink * l1, 0)
    return var, accum
