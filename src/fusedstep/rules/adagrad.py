"""Adagrad and its relatives: steps that shrink with the root of all squared gradients so far."""

from typing import Any

from .gradient_descent import shrinkage, shrinkage_kept
from .idle import idle
from .words import abs, divide_or_zero, maximum, sign, sqrt, where

__all__ = ["adagrad", "adagrad_da", "proximal_adagrad", "torch_adagrad"]


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
    and TensorFlow's kernels compute, against their documentation. Where ``accum`` is exactly 0, no gradient was
    ever seen, and :math:`lr / \sqrt{accum}` counts as 0: no gradient step is taken.

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
    if shrink_by_rate:
        # In the kernels' order, which rounds once: the error of a quotient near 1 would add up over the steps.
        return sign(prox_v) * maximum(abs(prox_v) - rate * l1, 0) / (1 + rate * l2), accum
    var = sign(prox_v) / (1 + lr * l2) * maximum(abs(prox_v) - lr * l1, 0)
    return var, accum


@idle(proximal_adagrad, kept=shrinkage_kept, unless=("shrink_by_rate",))
def proximal_adagrad_idle(var: Any, accum: Any, *, scale: Any, cut: Any) -> tuple[Any, Any]:
    return shrinkage(var, scale=scale, cut=cut), accum


def adagrad(
    var: Any,
    accum: Any,
    grad: Any,
    *,
    lr: Any,
    epsilon: Any = 0.0,
    update_slots: bool = True,
) -> tuple[Any, Any]:
    r"""Adagrad (Duchi et al., 2011): steps that shrink with the root of all squared gradients so far.

    .. math::
        accum &= accum + g^2 \\
        w &= w - lr \frac{g}{\sqrt{accum} + \epsilon}

    Without ``update_slots`` the first line is left out. Where the divisor is exactly 0, no gradient was ever seen, and
    no step is taken.

    Args:
        var: the weights w, any shape.
        accum: the sum of the squared gradients, of the shape of ``var``.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        epsilon: added to the root of ``accum``.
        update_slots: add the squared gradient to ``accum``.

    Returns:
        The new ``(var, accum)``.

    Source: Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, JMLR 12, 2011.

    >>> var, accum = adagrad(1.0, 0.09, 0.4, lr=0.1)
    >>> round(float(var), 6), round(float(accum), 6)
    (0.92, 0.25)
    """
    accum = accum + grad * grad if update_slots else accum
    var = var - divide_or_zero(lr * grad, sqrt(accum) + epsilon)
    return var, accum


@idle(adagrad)
def adagrad_idle(var: Any, accum: Any) -> tuple[Any, Any]:
    return var, accum


def torch_adagrad(
    var: Any, accum: Any, grad: Any, *, lr: Any, epsilon: Any = 0.0, weight_decay: Any = 0.0
) -> tuple[Any, Any]:
    r"""Adagrad as PyTorch computes it: weight decay as a part of the gradient.

    .. math::
        g &= g + \lambda w \\
        accum &= accum + g^2 \\
        w &= w - lr \frac{g}{\sqrt{accum} + \epsilon}

    Where the divisor is exactly 0, no gradient was ever seen, and no step is taken.

    Args:
        var: the weights w, any shape.
        accum: the sum of the squared gradients, of the shape of ``var``.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        epsilon: added to the root of ``accum``.
        weight_decay: the strength of the l2 penalty, :math:`\lambda`.

    Returns:
        The new ``(var, accum)``.

    Source: ``torch.optim.Adagrad``.

    >>> var, accum = torch_adagrad(1.0, 0.09, 0.3, lr=0.1, weight_decay=0.1)
    >>> round(float(var), 6), round(float(accum), 6)
    (0.92, 0.25)
    """
    return adagrad(var, accum, grad + weight_decay * var, lr=lr, epsilon=epsilon)


def adagrad_da(
    var: Any,
    gradient_accumulator: Any,
    gradient_squared_accumulator: Any,
    grad: Any,
    *,
    lr: Any,
    l1: Any,
    l2: Any,
    global_step: Any,
) -> tuple[Any, Any, Any]:
    r"""Adagrad by dual averaging (Duchi et al., 2011): weights from the sum of all gradients, shrunk by l1 and l2.

    .. math::
        s &= s + g \\
        q &= q + g^2 \\
        w &= -lr \frac{sign(s) \max(|s| - l_1 t, 0)}{l_2\, t\, lr + \sqrt{q}}

    Where the divisor is exactly 0, no gradient was ever seen, and the weight does not change.

    Args:
        var: the weights w, any shape.
        gradient_accumulator: the sum s of the gradients, of the shape of ``var``; starts at 0.
        gradient_squared_accumulator: the sum q of the squared gradients, of the shape of ``var``.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        l1: the strength of the l1 penalty; it makes weights exactly 0.
        l2: the strength of the l2 penalty.
        global_step: the step t, counted from 1.

    Returns:
        The new ``(var, gradient_accumulator, gradient_squared_accumulator)``.

    Source: Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, JMLR 12, 2011;
    ``mindspore.ops.ApplyAdagradDA``.

    >>> var, total, squares = adagrad_da(1.0, 0.5, 0.09, 0.4, lr=0.1, l1=0.2, l2=0.5, global_step=2)
    >>> round(float(var), 6), round(float(total), 6), round(float(squares), 6)
    (-0.083333, 0.9, 0.25)
    """
    total = gradient_accumulator + grad
    squares = gradient_squared_accumulator + grad * grad
    shrunk = sign(total) * maximum(abs(total) - l1 * global_step, 0)
    divisor = l2 * global_step * lr + sqrt(squares)
    var = where(divisor == 0, where(total == total, var, total), divide_or_zero(-lr * shrunk, divisor))
    return var, total, squares
