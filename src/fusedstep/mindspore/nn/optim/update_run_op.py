"""The step of ``AdamWeightDecay`` in tensor arithmetic, under the private name that MindSpore's programs import."""

from typing import Any

from ...common.dtype import float32
from ...common.tensor import Tensor
from ...ops.functional import assign, sqrt


def update_run_op(
    beta1: Tensor,
    beta2: Tensor,
    eps: Tensor,
    lr: Tensor,
    weight_decay: Tensor,
    param: Any,
    m: Any,
    v: Any,
    gradient: Any,
    decay_flag: bool,
    optim_filter: bool,
) -> Any:
    """Step a parameter and its means in place, computing in float32.

    Args:
        beta1, beta2, eps, lr, weight_decay: the settings; see ``AdamWeightDecay``.
        param, m, v: the parameter and its two means.
        gradient: the gradient.
        decay_flag: whether the weights decay.
        optim_filter: whether to step at all.

    Returns:
        The new parameter, or the gradient without a step.
    """
    if not optim_filter:
        return gradient
    wide, grad = param.astype(float32), gradient.astype(float32)
    mean = beta1 * m.astype(float32) + (1 - beta1) * grad
    square = beta2 * v.astype(float32) + (1 - beta2) * (grad * grad)
    update = mean / (eps + sqrt(square))
    if decay_flag:
        update = weight_decay * wide + update
    assign(m, mean.astype(m.dtype))
    assign(v, square.astype(v.dtype))
    return assign(param, (wide - lr * update).astype(param.dtype))
