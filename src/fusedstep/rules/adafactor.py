"""Adafactor: second moments in the memory of one row and one column."""

from typing import Any

from .words import PerColumn, PerRow, column_mean, maximum, per_column, per_row, row_mean, sqrt, tensor_mean, where

__all__ = ["adafactor"]


def adafactor(
    var: Any,
    exp_avg: Any,
    exp_avg_sq_row: PerRow,
    exp_avg_sq_col: PerColumn,
    exp_avg_sq: Any,
    grad: Any,
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    epsilon1: Any,
    epsilon2: Any,
    clip_threshold: Any,
    weight_decay: Any = 0.0,
    global_norm: Any = 0.0,
    factored: bool = True,
    scale_parameter: bool = False,
    first_moment: bool = False,
    decay_weights: bool = True,
) -> tuple[Any, Any, Any, Any, Any]:
    r"""Adafactor (Shazeer & Stern, 2018): second moments kept as the means of rows and of columns.

    .. math::
        r &= \beta_2 r + (1 - \beta_2)\, mean_{row}(g^2 + \epsilon_1) \\
        c &= \beta_2 c + (1 - \beta_2)\, mean_{column}(g^2 + \epsilon_1) \\
        u &= \frac{g}{\sqrt{r\, c / mean(r)}} \\
        u &= \frac{lr}{\max(1, RMS(u) / d)} u \\
        w &= w - (u + lr\, \lambda\, w)

    Rows and columns are those of the last two dimensions, RMS is over the whole tensor. Without ``factored`` a second
    moment of each element takes the place of :math:`r\, c / mean(r)`. With ``scale_parameter``, lr is multiplied by
    :math:`\max(\epsilon_2, RMS(w))`; with ``first_moment``, the decaying mean of u takes the place of u.
    If ``global_norm`` is above 0, the gradient is divided by it.

    Args:
        var: the weights w, any shape.
        exp_avg: the decaying mean of u, of the shape of ``var``; not used without ``first_moment``.
        exp_avg_sq_row: r, of shape ``var.shape[:-1]``; the plain function takes it with a last axis of length 1; not
            used without ``factored``.
        exp_avg_sq_col: c, of shape ``var.shape[:-2] + var.shape[-1:]``; the plain function takes it with an axis of
            length 1 before the last; not used without ``factored``.
        exp_avg_sq: the decaying mean of the squared gradients, of the shape of ``var``; not used with ``factored``.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        beta1: how much of ``exp_avg`` a step keeps, in [0, 1).
        beta2: how much of the second moments a step keeps, in [0, 1).
        epsilon1: added to the squared gradient.
        epsilon2: the least RMS of the weights with ``scale_parameter``.
        clip_threshold: d, the largest RMS of u that is not reduced.
        weight_decay: :math:`\lambda`, the strength of the weight decay.
        global_norm: divides the gradient, if it is above 0.
        factored: keep means of rows and columns, in place of ``exp_avg_sq``.
        scale_parameter: scale steps with the weights.
        first_moment: step along the decaying mean of u.
        decay_weights: apply ``weight_decay``; else it is ignored.

    Returns:
        The new ``(var, exp_avg, exp_avg_sq_row, exp_avg_sq_col, exp_avg_sq)``.

    Source: https://arxiv.org/abs/1804.04235, algorithm 4.

    >>> import numpy as np
    >>> var, _, row, column, _ = adafactor(np.ones((2, 2)), None, np.zeros((2, 1)), np.zeros((1, 2)), None,
    ...     np.array([[0.1, 0.2], [0.2, 0.4]]), lr=0.1, beta1=0.0, beta2=0.5, epsilon1=0.0, epsilon2=1e-3,
    ...     clip_threshold=1.0)
    >>> np.round(var, 6).tolist()
    [[0.9, 0.9], [0.9, 0.9]]
    """
    grad = grad / where(global_norm <= 0, 1, global_norm)
    square = grad * grad + epsilon1
    if factored:
        exp_avg_sq_row = beta2 * per_row(exp_avg_sq_row, var) + (1 - beta2) * row_mean(square)
        exp_avg_sq_col = beta2 * per_column(exp_avg_sq_col, var) + (1 - beta2) * column_mean(square)
        update = grad / sqrt(exp_avg_sq_row / column_mean(exp_avg_sq_row) * exp_avg_sq_col)
    else:
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * square
        update = grad / sqrt(exp_avg_sq)
    rate = lr * maximum(epsilon2, sqrt(tensor_mean(var * var))) if scale_parameter else lr
    update = rate / maximum(1, sqrt(tensor_mean(update * update)) / clip_threshold) * update
    if first_moment:
        exp_avg = beta1 * exp_avg + (1 - beta1) * update
        update = exp_avg
    var = var - (update + rate * weight_decay * var if decay_weights else update)
    return var, exp_avg, exp_avg_sq_row, exp_avg_sq_col, exp_avg_sq
