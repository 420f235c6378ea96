"""Rules with one number a row beside the weights: the cheapest states for large tables."""

from typing import Any

from .words import PerRow, abs, divide_or_zero, maximum, minimum, per_row, power, row_mean, row_sum, sign, sqrt, where

__all__ = ["adam_rowwise_bias_correction", "group_lasso_ftrl", "rowwise_adagrad"]


def rowwise_adagrad(
    var: Any, accum: PerRow, grad: Any, *, lr: Any, epsilon: Any, weight_decay: Any = 0.0
) -> tuple[Any, Any]:
    r"""Row-wise Adagrad: one accumulator a row, of the mean of the squared gradients of the row.

    .. math::
        g &= g + \lambda w \\
        a &= a + \frac{1}{d} \sum_{j=1}^{d} g_j^2 \\
        w &= w - lr \frac{g}{\sqrt{a} + \epsilon}

    Where the divisor is exactly 0, no gradient was ever seen, and no step is taken.

    Args:
        var: the weights w, of shape ``(rows, ...)``.
        accum: a, the sum of the mean squared gradients, of shape ``(rows, 1)``; operators
            also take ``(rows,)``.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        epsilon: added to the root of ``accum``.
        weight_decay: :math:`\lambda`, how much of the weights is added to the gradient.

    Returns:
        The new ``(var, accum)``.

    Source: FBGEMM's EXACT_ROWWISE_ADAGRAD; Naumov et al., https://arxiv.org/abs/1906.00091.

    >>> import numpy as np
    >>> var, accum = rowwise_adagrad(np.ones((1, 2)), np.zeros((1, 1)), np.array([[0.3, 0.4]]), lr=0.1, epsilon=0.0)
    >>> np.round(var, 6).tolist(), np.round(accum, 6).tolist()
    ([[0.915147, 0.886863]], [[0.125]])
    """
    grad = grad + weight_decay * var
    accum = per_row(accum, var) + row_mean(grad * grad)
    var = var - divide_or_zero(lr, sqrt(accum) + epsilon) * grad
    return var, accum


def adam_rowwise_bias_correction(
    var: Any, m: Any, v: Any, count: PerRow, grad: Any, *, lr: Any, beta1: Any, beta2: Any, epsilon: Any
) -> tuple[Any, Any, Any, Any]:
    r"""Adam that corrects each row's bias by the row's own number of steps: for rows that seldom have a gradient.

    .. math::
        n &= n + 1 \\
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        w &= w - lr \frac{m / (1 - \beta_1^n)}{\sqrt{v / (1 - \beta_2^n)} + \epsilon}

    Args:
        var: the weights w, of shape ``(rows, ...)``.
        m: the decaying mean of the gradients, of the shape of ``var``; starts at 0.
        v: the decaying mean of the squared gradients, of the shape of ``var``; starts at 0.
        count: n, how many steps the row has taken, of shape ``(rows, 1)``; operators also take ``(rows,)``; starts at
            0. float32 counts to 16,777,216.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1, beta2: how much of ``m`` and ``v`` a step keeps, in [0, 1).
        epsilon: added to the root of ``v`` after the correction of its bias.

    Returns:
        The new ``(var, m, v, count)``.

    Source: FBGEMM's ``use_rowwise_bias_correction``; https://arxiv.org/abs/1412.6980.

    >>> import numpy as np
    >>> var, m, v, count = adam_rowwise_bias_correction(np.ones((1, 1)), np.zeros((1, 1)), np.zeros((1, 1)),
    ...     np.zeros((1, 1)), np.array([[0.5]]), lr=0.1, beta1=0.9, beta2=0.999, epsilon=0.0)
    >>> np.round(var, 6).tolist(), count.tolist()
    ([[0.9]], [[1.0]])
    """
    count = per_row(count, var) + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    rate = lr / (1 - power(beta1, count))
    var = var - rate * m / (sqrt(v / (1 - power(beta2, count))) + epsilon)
    return var, m, v, count


def group_lasso_ftrl(
    var: Any,
    accum: Any,
    linear: Any,
    grad: Any,
    *,
    lr: Any,
    l1: Any,
    l2: Any,
    l21: Any,
    beta: Any = 0.0,
    lr_power: Any = -0.5,
    keep_weights: bool = False,
) -> tuple[Any, Any, Any]:
    r"""FTRL with a group lasso: rows that matter little become 0 as a whole.

    .. math::
        a' &= a + g^2 \\
        z &= z + g - \frac{a'^{-p} - a^{-p}}{lr} w \\
        u &= sign(z) \max(|z| - l_1, 0) \\
        w &= \begin{cases} 0 & \lVert u \rVert \le l_{21} \sqrt{d} \\
            - \dfrac{(1 - l_{21} \sqrt{d} / \lVert u \rVert)\, u}{(\beta + a'^{-p}) / lr + l_2} & else \end{cases}

    The norm is over the row, which has d elements. With ``l21`` 0 this is ``ftrl_proximal``. Where the divisor is
    exactly 0, no gradient was ever seen, and the weight does not change; nor does it with a step size of 0.

    With ``keep_weights`` the step starts from the current weights, even if other code set them or the settings changed:
    ``linear`` is read only where weights are 0, as far as the penalties have collected it.

    Args:
        var: the weights w, of shape ``(rows, ...)``.
        accum: a, the sum of the squared gradients, of the shape of ``var``.
        linear: z, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        l1: the strength of the l1 penalty of each element.
        l2: the strength of the l2 penalty.
        l21: the strength of the penalty of each row's norm.
        beta: added to the root of ``accum``.
        lr_power: p, the power of ``accum`` in the step size, 0 or less; -0.5 is the root.
        keep_weights: start from the current weights; changed settings do not move them.

    Returns:
        The new ``(var, accum, linear)``.

    Source: Ni et al., Feature Selection for Facebook Feed Ranking System via a Group-Sparsity-Regularized Training
        Algorithm, CIKM 2019; https://arxiv.org/abs/2008.03235.

    >>> import numpy as np
    >>> var, accum, linear = group_lasso_ftrl(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2, 2)),
    ...     np.array([[3.0, -4.0], [0.5, 0.5]]), lr=1.0, l1=0.0, l2=0.0, l21=1.0)
    >>> np.round(var, 6).tolist()
    [[-0.717157, 0.717157], [0.0, 0.0]]
    """
    before, after = power(accum, -lr_power), power(accum + grad * grad, -lr_power)
    inverse = divide_or_zero(1, lr)
    divisor = inverse * after + (inverse * beta + l2)
    if keep_weights:
        earlier = inverse * before + (inverse * beta + l2)
        # For an element without a gradient so far, the new gradient gives the divisor.
        pull = where(earlier == 0, divisor, earlier) * var
        seen = sum_held_by_row(var, linear, pull, l1, l21) + (grad - divisor * var)
    else:
        seen = linear + grad - inverse * (after - before) * var
    linear = where(lr == 0, linear, seen)
    shrunk = soft(linear, l1)
    # The root of the mean square is the norm over the root of the number of elements.
    norm = sqrt(row_mean(shrunk * shrunk))
    closed = where(norm <= l21, 0, divide_or_zero((divide_or_zero(l21, norm) - 1) * shrunk, divisor))
    idle = (divisor == 0) | (lr == 0)
    if keep_weights:
        # Without a gradient no bit changes, however the sums are rounded.
        var = where(idle | (row_sum(abs(grad)) == 0), var, closed)
    else:
        var = where(idle, where(linear == linear, var, linear), closed)
    return var, accum + grad * grad, linear


def soft(x: Any, threshold: Any) -> Any:
    """Soft thresholding: the magnitude above a threshold, with its sign."""
    return where(abs(x) <= threshold, 0, x - threshold * sign(x))


def sum_held_by_row(var: Any, linear: Any, pull: Any, l1: Any, l21: Any) -> Any:
    """The part of the sum of the gradients that the penalties hold; l21 holds a part where a row is 0, too."""
    of_elements = minimum(maximum(linear, -l1), l1)
    collected = linear - of_elements
    fraction = minimum(divide_or_zero(l21, sqrt(row_mean(collected * collected))), 1)
    norm = sqrt(row_mean(pull * pull))
    of_row = where(norm == 0, fraction * collected, divide_or_zero(-l21, norm) * pull)
    return where(var == 0, of_elements, -l1 * sign(var)) + of_row
