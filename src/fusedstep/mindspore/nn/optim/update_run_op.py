"""The step of ``AdamWeightDecay`` as a function, under the private name that MindSpore's programs import."""

from typing import Any

from .... import rules
from ...common.dtype import float32
from ...common.tensor import Tensor
from ...ops.functional import assign
from .memory import number


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
    """Step a parameter and its means in place, by ``fusedstep.rules.adam_weight_decay`` in float32.

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
    states = (param, m, v)
    arrays = [each.astype(float32).asnumpy() for each in (*states, gradient)]
    settings = {"beta1": number(beta1), "beta2": number(beta2), "epsilon": number(eps), "lr": number(lr)}
    new = rules.adam_weight_decay(*arrays, **settings, decay=number(weight_decay) if decay_flag else 0.0)
    for state, array in zip(states, new, strict=True):
        assign(state, Tensor.from_numpy(array))
    return param
