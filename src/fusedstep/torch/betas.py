"""The scalars of rules with two decaying means."""

from typing import Any

from .param_groups import ParamGroup

Betas = tuple[Any, Any]


def means(group: ParamGroup) -> dict[str, Any]:
    """The scalars of a rule with two decaying means."""
    beta1, beta2 = group["betas"]
    return {"lr": group["lr"], "beta1": beta1, "beta2": beta2, "epsilon": group["eps"]}


def powers(group: ParamGroup, step: float) -> dict[str, Any]:
    """Those of a rule that corrects both for their start."""
    beta1, beta2 = group["betas"]
    return means(group) | {"beta1_power": beta1**step, "beta2_power": beta2**step}
