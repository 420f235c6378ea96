"""Scalars that Adam and its relatives share."""

from typing import Any

from .param_groups import ParamGroup

Betas = tuple[Any, Any]


def mean_scalars(group: ParamGroup) -> dict[str, Any]:
    """The scalars of a rule with two decaying means."""
    beta1, beta2 = group["betas"]
    return {"lr": group["lr"], "beta1": beta1, "beta2": beta2, "epsilon": group["eps"]}


def bias_corrected_scalars(group: ParamGroup, step: float) -> dict[str, Any]:
    """The scalars of a rule that corrects the initial bias of both means."""
    beta1, beta2 = group["betas"]
    return mean_scalars(group) | {"beta1_power": beta1**step, "beta2_power": beta2**step}
