"""The settings of parameter groups: read from a constructor, checked, and converted to numbers."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..arrays.devices import capturing, on_device
from ..operators.checks.options import check_rows, parse_flag
from ..operators.checks.scalars import check_range, parse_numbers, parse_scalar
from ..storage import one_of

# The ranges of settings, by name. Others may be any number.
NOT_NEGATIVE = ("lr", "eps", "weight_decay", "lr_decay", "momentum", "alpha", "initial_accumulator_value", "l1", "l2")
LIMITS = dict.fromkeys((*NOT_NEGATIVE, "beta", "momentum_decay"), "not negative") | {
    "rho": "in [0, 1]",
    "lr_power": "not positive",
}
BETA = "in [0, 1)"
# Entries of a group that are not settings.
NOT_SETTINGS = ("params", "param_names")
# The types of settings that cannot be changed in place.
IMMUTABLE = {float, int, bool, str, type(None)}
# Settings of torch's optimizers that must be off. (`foreach` and `fused` choose between equal results; a step here is
# always one fused pass.)
REFUSED = {"differentiable": "a step in place has no gradient; use torch.optim instead"}
# The default rows that a sparse gradient updates. Groups hold another choice only: torch, which has no such setting,
# compares the names of settings when it loads distributed checkpoints.
ROWS = {"rows": "touched"}


def from_locals(arguments: dict[str, Any]) -> dict[str, Any]:
    """The settings in a constructor's ``locals()``."""
    return {name: value for name, value in arguments.items() if name not in ("self", "params", "__class__")}


def check_group(name: str, group: dict[str, Any], limits: dict[str, str], count: int = 2) -> None:
    """Check the settings of a group, with ``count`` betas. Tensors stay, so that steps see changes in place.

    Raises:
        TypeError: a setting has the wrong type.
        ValueError: a setting is out of range, or unknown.
        NotImplementedError: a setting is not supported.
    """
    for setting, why in REFUSED.items():
        if group.get(setting):
            raise NotImplementedError(f"{name}: {setting} is True, expected False: {why}")
    for setting, allowed in limits.items():
        if setting in group:
            check_range(name, setting, parse_scalar(name, setting, group[setting]), allowed)
    if "betas" in group:
        betas = parse_betas(name, group["betas"], count)
        for place, (_, number) in enumerate(betas):
            check_range(name, f"betas[{place}]", number, BETA)
        group["betas"] = tuple(beta if isinstance(beta, Tensor) else number for beta, number in betas)
    parse_flag(name, "maximize", group["maximize"])
    parse_flag(name, "capturable", group.get("capturable", False))
    check_rows(name, rows(group))


def rows(group: dict[str, Any]) -> Any:
    """The rows that a sparse gradient updates: ``"touched"`` or ``"every"``."""
    return group.get("rows", ROWS["rows"])


def drop_default_rows(group: dict[str, Any]) -> None:
    """Remove the default ``rows`` from a group."""
    if rows(group) == ROWS["rows"]:
        group.pop("rows", None)


def parse_betas(name: str, betas: Any, count: int) -> list[tuple[Any, float]]:
    """The ``betas``, each as it is and as a number."""
    # The elements of a tensor share its memory, so that changes in place are seen.
    each = list(betas) if isinstance(betas, Tensor) and betas.dim() == 1 else betas
    return list(zip(each, parse_numbers(name, "betas", each, count), strict=True))


def tensors_in(group: dict[str, Any]) -> list[Tensor]:
    """The tensors among a group's settings, pairs included."""
    found = []
    for setting, value in group.items():
        if setting not in NOT_SETTINGS:
            each = value if isinstance(value, tuple | list) else (value,)
            found += [tensor for tensor in each if isinstance(tensor, Tensor)]
    return found


def replace_tensors(group: dict[str, Any], tensors: Iterator[Tensor]) -> dict[str, Any]:
    """A copy of a group with other tensors in place of its settings' tensors."""
    changed: dict[str, Any] = {}
    for setting, value in group.items():
        if setting not in NOT_SETTINGS:
            if isinstance(value, Tensor):
                changed[setting] = next(tensors)
            elif isinstance(value, tuple | list):
                changed[setting] = tuple(next(tensors) if isinstance(each, Tensor) else each for each in value)
    return group | changed


def as_numbers(name: str, group: dict[str, Any], limits: dict[str, str], count: int = 2) -> dict[str, Any]:
    """A copy of a group whose tensors on the CPU are numbers. Tensors on a device stay, so that no step waits.

    Raises:
        TypeError: a setting is not a number any more.
        ValueError: a tensor is out of its setting's range, or has several elements.
    """
    changed: dict[str, Any] = {}
    for setting, value in group.items():
        if type(value) in IMMUTABLE or setting in NOT_SETTINGS:
            continue
        if setting == "betas":
            changed[setting] = tuple(
                current_value(name, f"betas[{place}]", beta, BETA)
                for place, (beta, _) in enumerate(parse_betas(name, value, count))
            )
        else:
            changed[setting] = current_value(name, setting, value, limits.get(setting))
    return group | changed if changed else group


def current_value(name: str, setting: str, value: Any, allowed: str | None) -> Any:
    """The current value of a setting, see ``as_numbers``."""
    if type(value) in IMMUTABLE:
        return value
    number = parse_scalar(name, setting, value)
    if allowed is not None:
        check_range(name, setting, number, allowed)
    return to_number(number)


def to_number(value: Any) -> Any:
    """Convert a number or a tensor of one element to a float; a tensor on a device stays there, as float64."""
    return value.double() if on_device(value) else float(value)


def enabled(value: Any) -> bool:
    """Return whether a setting that 0 turns off is on; one on a device counts as on, without reading it."""
    return on_device(value) or bool(value != 0)


def check_parameter(name: str, param: torch.Tensor, capturable: bool) -> None:
    """Check a parameter's dtype, layout and device.

    Raises:
        TypeError: it does not hold floating-point or complex numbers, or is not dense.
        ValueError: elements of it share memory.
        NotImplementedError: ``capturable`` is True, and it is on the CPU.
    """
    if capturable and not on_device(param):
        raise NotImplementedError(
            f"{name}: capturable is True, expected False: a CUDA graph cannot capture steps on {param.device}"
        )
    if not (param.is_floating_point() or param.is_complex()) or param.layout is not torch.strided:
        raise TypeError(
            f"{name}: a parameter holds {param.dtype} in layout {param.layout}, expected a dense tensor of {one_of()}, "
            "or of complex numbers"
        )
    if param.is_conj() or param.is_neg():
        raise TypeError(
            f"{name}: a parameter is lazily conjugated or negated; pass its resolve_conj() or resolve_neg()"
        )
    if any(size > 1 and stride == 0 for size, stride in zip(param.shape, param.stride(), strict=True)):
        raise ValueError(
            f"{name}: a parameter of shape {tuple(param.shape)} has elements that share memory (strides "
            f"{param.stride()}), expected one place for each; pass a clone()"
        )


def refuse_capture(name: str, group: dict[str, Any], param: Tensor) -> None:
    """Refuse a capture of steps that the host counts: a replayed graph would repeat one count.

    Raises:
        RuntimeError: a graph is being captured, and the group is not ``capturable``.
    """
    if on_device(param) and not group.get("capturable", True) and capturing(param):
        raise RuntimeError(f"{name}: capturable is False, expected True while a graph is captured")
