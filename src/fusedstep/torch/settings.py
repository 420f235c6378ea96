"""The settings of an optimizer: from its constructor into its groups, and what they may be."""

from typing import Any

import torch

from ..arrays.device_tensors import on_device
from ..operators import checks

# What the settings of optimizers must lie in, where they have them. Those that are not named may be any number.
NOT_NEGATIVE = ("lr", "eps", "weight_decay", "lr_decay", "momentum", "alpha", "initial_accumulator_value", "l1", "l2")
LIMITS = dict.fromkeys((*NOT_NEGATIVE, "beta", "momentum_decay"), "not negative") | {
    "rho": "in [0, 1]",
    "lr_power": "not positive",
}
# What torch's optimizers do by other means than ours: `foreach` and `fused` choose between equal results, and a step
# here is always one fused pass.
REFUSED = {"differentiable": "no gradient flows through a step that is made in place; use torch.optim for that"}
# Which rows of a sparse gradient take the step, where a group does not say. It is no setting of torch's, so that groups
# name it only where it is another: torch compares the names of settings when it loads distributed checkpoints.
ROWS = {"rows": "touched"}


def given(arguments: dict[str, Any]) -> dict[str, Any]:
    """A constructor's ``locals()``, without what is no setting."""
    return {name: value for name, value in arguments.items() if name not in ("self", "params", "__class__")}


def check(name: str, group: dict[str, Any], limits: dict[str, str]) -> None:
    """Checks the settings of a group; betas become numbers.

    Raises:
        TypeError: one is of another type than it must be.
        ValueError: one lies out of its range, or is unknown.
        NotImplementedError: one asks for what cannot be had.
    """
    for setting, why in REFUSED.items():
        if group.get(setting):
            raise NotImplementedError(f"{name}: {setting} is True, expected False: {why}")
    for setting, allowed in limits.items():
        if setting in group:
            checks.within(name, setting, checks.number(name, setting, group[setting]), allowed)
    if "betas" in group:
        group["betas"] = tuple(checks.pair(name, "betas", group["betas"]))
        for place, beta in enumerate(group["betas"]):
            checks.within(name, f"betas[{place}]", beta, "in [0, 1)")
    checks.flag(name, "maximize", group["maximize"])
    checks.flag(name, "capturable", group.get("capturable", False))
    checks.rows(name, rows(group))


def rows(group: dict[str, Any]) -> Any:
    """Which rows of a sparse gradient take the step."""
    return group.get("rows", ROWS["rows"])


def without_default_rows(group: dict[str, Any]) -> None:
    """Leaves out of a group what is the same as not to be named."""
    if rows(group) == ROWS["rows"]:
        group.pop("rows", None)


def plain(value: Any) -> Any:
    """A number that may be a tensor of one element; on a device, where nobody waits for it, in float64."""
    return value.double() if on_device(value) else float(value)


def parameter(name: str, param: torch.Tensor, capturable: bool) -> None:
    """Checks what kind of tensor a parameter is.

    Raises:
        TypeError: it holds no real numbers, or is itself sparse.
        NotImplementedError: steps are to be captured in a graph, and it lies on the CPU.
    """
    if capturable and not on_device(param):
        raise NotImplementedError(
            f"{name}: capturable is True, expected False: there is no CUDA graph to capture on {param.device}"
        )
    if param.is_complex():
        raise TypeError(
            f"{name}: a parameter holds {param.dtype}, expected real numbers; optimize its torch.view_as_real() instead"
        )
    if not param.is_floating_point() or param.layout is not torch.strided:
        raise TypeError(
            f"{name}: a parameter holds {param.dtype} in layout {param.layout}, expected a dense tensor of "
            "float32, float64, float16 or bfloat16"
        )
