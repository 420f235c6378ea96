"""The settings of an optimizer: from its constructor into its groups, and what they may be."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..arrays.devices import on_device
from ..operators.checks.options import check_rows, parse_flag
from ..operators.checks.scalars import check_range, parse_pair, parse_scalar

# What the settings of optimizers must lie in, where they have them. Those that are not named may be any number.
NOT_NEGATIVE = ("lr", "eps", "weight_decay", "lr_decay", "momentum", "alpha", "initial_accumulator_value", "l1", "l2")
LIMITS = dict.fromkeys((*NOT_NEGATIVE, "beta", "momentum_decay"), "not negative") | {
    "rho": "in [0, 1]",
    "lr_power": "not positive",
}
BETA = "in [0, 1)"
# What is no setting of a group.
NO_SETTINGS = ("params", "param_names")
# The types of settings that cannot change in place.
AT_REST = {float, int, bool, str, type(None)}
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
    """Checks the settings of a group. Tensors among them stay what they are, so that changes in place are seen.

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
            check_range(name, setting, parse_scalar(name, setting, group[setting]), allowed)
    if "betas" in group:
        betas = pair(name, group["betas"])
        for place, (_, number) in enumerate(betas):
            check_range(name, f"betas[{place}]", number, BETA)
        group["betas"] = tuple(beta if isinstance(beta, Tensor) else number for beta, number in betas)
    parse_flag(name, "maximize", group["maximize"])
    parse_flag(name, "capturable", group.get("capturable", False))
    check_rows(name, rows(group))


def rows(group: dict[str, Any]) -> Any:
    """Which rows of a sparse gradient take the step."""
    return group.get("rows", ROWS["rows"])


def without_default_rows(group: dict[str, Any]) -> None:
    """Leaves out of a group what is the same as not to be named."""
    if rows(group) == ROWS["rows"]:
        group.pop("rows", None)


def pair(name: str, betas: Any) -> list[tuple[Any, float]]:
    """Two settings that are given as one, each as it is and as a number."""
    # What a tensor of two is taken apart into shares its memory.
    each = list(betas) if isinstance(betas, Tensor) and betas.dim() == 1 else betas
    return list(zip(each, parse_pair(name, "betas", each), strict=True))


def tensors_in(group: dict[str, Any]) -> list[Tensor]:
    """The tensors among a group's settings, alone or in a pair, which may be changed in place."""
    found = []
    for setting, value in group.items():
        if setting not in NO_SETTINGS:
            each = value if isinstance(value, tuple | list) else (value,)
            found += [tensor for tensor in each if isinstance(tensor, Tensor)]
    return found


def with_tensors(group: dict[str, Any], tensors: Iterator[Tensor]) -> dict[str, Any]:
    """A group with others in the place of the tensors among its settings."""
    changed: dict[str, Any] = {}
    for setting, value in group.items():
        if setting not in NO_SETTINGS:
            if isinstance(value, Tensor):
                changed[setting] = next(tensors)
            elif isinstance(value, tuple | list):
                changed[setting] = tuple(next(tensors) if isinstance(each, Tensor) else each for each in value)
    return group | changed


def as_numbers(name: str, group: dict[str, Any], limits: dict[str, str]) -> dict[str, Any]:
    """A group whose settings are plain numbers, tensors as they are now; on a device, where nobody waits for them, they
    stay tensors.

    Raises:
        TypeError: one has become something else than a number.
        ValueError: a tensor has left the range of its setting, or its number of elements is not one.
    """
    changed: dict[str, Any] = {}
    for setting, value in group.items():
        if type(value) in AT_REST or setting in NO_SETTINGS:
            continue
        if setting == "betas":
            changed[setting] = tuple(
                now(name, f"betas[{place}]", beta, BETA) for place, (beta, _) in enumerate(pair(name, value))
            )
        else:
            changed[setting] = now(name, setting, value, limits.get(setting))
    return group | changed if changed else group


def now(name: str, setting: str, value: Any, allowed: str | None) -> Any:
    """What a setting is now, see ``as_numbers``."""
    if type(value) in AT_REST:
        return value
    number = parse_scalar(name, setting, value)
    if allowed is not None:
        check_range(name, setting, number, allowed)
    return plain(number)


def plain(value: Any) -> Any:
    """A number that may be a tensor of one element; on a device, where nobody waits for it, in float64."""
    return value.double() if on_device(value) else float(value)


def in_use(value: Any) -> bool:
    """Whether a setting that is off at 0 is on; one on a device, where nobody waits for it, always is."""
    return on_device(value) or bool(value != 0)


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
