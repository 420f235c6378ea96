"""The settings of parameter groups: read from a constructor, checked, and converted to numbers."""

import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays.devices import capturing, on_device
from ..arrays.torch_tensors import type_name
from ..operators.checks.options import check_rows, parse_flag
from ..operators.checks.scalars import check_range, parse_numbers, parse_scalar
from ..storage import STORAGES, one_of

# The ranges of settings, by name. Others may be any number.
NOT_NEGATIVE = ("lr", "eps", "weight_decay", "lr_decay", "momentum", "alpha", "initial_accumulator_value", "l1", "l2")
LIMITS = dict.fromkeys((*NOT_NEGATIVE, "beta", "momentum_decay"), "0 or more") | {
    "rho": "in [0, 1]",
    "lr_power": "not positive",
}
BETA = "in [0, 1)"
# The settings that are on or off.
FLAGS = {
    *("maximize", "capturable", "differentiable", "amsgrad", "nesterov", "centered", "decoupled_weight_decay"),
    *("shrink_by_rate", "elementwise_dense"),
}
# Entries of a group that are not numbers.
NOT_SETTINGS = ("params", "param_names", "state_dtype")
# Not their union, which torch.compile could not trace in PyTorch 2.8.
SEQUENCES = (tuple, list)
# The types of settings that cannot be changed in place.
IMMUTABLE = {float, int, bool, str, type(None)}
# Settings that torch's optimizers do not have, and their defaults. Groups hold other choices only: torch compares the
# names of settings when it loads distributed checkpoints.
NOT_OF_TORCH: dict[str, Any] = {"rows": "touched", "state_dtype": None}


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
    for setting, allowed in limits.items():
        if setting in group:
            check_range(name, setting, parse_scalar(name, setting, group[setting]), allowed)
    if "betas" in group:
        betas = parse_betas(name, group["betas"], count)
        for place, (_, number) in enumerate(betas):
            check_range(name, f"betas[{place}]", number, BETA)
        group["betas"] = tuple(beta if isinstance(beta, Tensor) else number for beta, number in betas)
    for setting in FLAGS & group.keys():
        parse_flag(name, setting, as_flag(group[setting]))
    check_rows(name, own_setting(group, "rows"))


def as_flag(value: Any) -> Any:
    """A flag as a bool where it is None, 0 or 1, as torch takes it; any other value as it is."""
    loose = value is None or (isinstance(value, numbers.Integral | np.bool_) and value in (0, 1))
    return bool(value) if loose else value


def own_setting(group: dict[str, Any], name: str) -> Any:
    """The value of a setting that torch's optimizers do not have."""
    return group.get(name, NOT_OF_TORCH[name])


def drop_defaults(group: dict[str, Any]) -> None:
    """Remove the settings that torch's optimizers do not have from a group, where they have their defaults."""
    for name, default in NOT_OF_TORCH.items():
        if name in group and group[name] == default:
            del group[name]


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
            each = value if isinstance(value, SEQUENCES) else (value,)
            found += [tensor for tensor in each if isinstance(tensor, Tensor)]
    return found


def replace_tensors(group: dict[str, Any], tensors: Iterator[Tensor]) -> dict[str, Any]:
    """A copy of a group with other tensors in place of its settings' tensors."""
    changed: dict[str, Any] = {}
    for setting, value in group.items():
        if setting not in NOT_SETTINGS:
            if isinstance(value, Tensor):
                changed[setting] = next(tensors)
            elif isinstance(value, SEQUENCES):
                changed[setting] = tuple(next(tensors) if isinstance(each, Tensor) else each for each in value)
    return group | changed


def as_numbers(name: str, group: dict[str, Any], limits: dict[str, str], count: int = 2) -> dict[str, Any]:
    """A copy of a group whose tensors on the CPU are numbers. Tensors on a device stay, so that no step waits.

    In a ``differentiable`` group those with a history stay, too.

    Raises:
        TypeError: a setting is not a number any more.
        ValueError: a tensor is out of its setting's range, or has several elements.
    """
    if "rows" in group:
        check_rows(name, group["rows"])
    changed: dict[str, Any] = {}
    recorded = bool(group.get("differentiable"))
    for setting, value in group.items():
        if type(value) in IMMUTABLE or setting in NOT_SETTINGS or setting in FLAGS:
            continue
        if setting == "betas":
            changed[setting] = tuple(
                current_value(name, f"betas[{place}]", beta, BETA, recorded)
                for place, (beta, _) in enumerate(parse_betas(name, value, count))
            )
        else:
            changed[setting] = current_value(name, setting, value, limits.get(setting), recorded)
    return group | changed if changed else group


def current_value(name: str, setting: str, value: Any, allowed: str | None, recorded: bool) -> Any:
    """The current value of a setting, see ``as_numbers``."""
    if type(value) in IMMUTABLE:
        return value
    number = parse_scalar(name, setting, value)
    if allowed is not None:
        check_range(name, setting, number, allowed)
    return to_number(value) if recorded and has_history(value) else to_number(number)


def has_history(value: Any) -> bool:
    """Return whether a value is a tensor whose operations autograd records."""
    return isinstance(value, Tensor) and value.requires_grad


def is_meta(value: Any) -> bool:
    """Return whether a value is a tensor on the meta device, which has no number."""
    return isinstance(value, Tensor) and value.is_meta


def to_number(value: Any) -> Any:
    """Convert a number or a tensor of one element to a float; a tensor on a device or with a history stays one."""
    if has_history(value):
        # A copy, since what autograd has recorded must not change in place, as a counter does.
        with torch.enable_grad():
            return value.double().clone().reshape(())
    return value.double() if on_device(value) or is_meta(value) else float(value)


def enabled(value: Any) -> bool:
    """Return whether a setting that 0 turns off is on; one on a device counts as on, without reading it."""
    return on_device(value) or bool(value != 0)


def check_parameter(name: str, param: torch.Tensor) -> None:
    """Check a parameter's dtype and layout.

    Raises:
        TypeError: it does not hold floating-point or complex numbers, or is not dense.
        ValueError: elements of it share memory.
    """
    if torch.nn.parameter.is_lazy(param):
        # It has no shape before the model's first call.
        return
    if type_name(param.dtype.to_real()) not in STORAGES or param.layout is not torch.strided or param.is_nested:
        raise TypeError(
            f"{name}: a parameter holds {param.dtype} in layout {param.layout}, expected a dense tensor of {one_of()}, "
            "or of complex numbers"
        )
    if param.is_conj() or param.is_neg():
        raise TypeError(
            f"{name}: a parameter is lazily conjugated or negated; pass its resolve_conj() or resolve_neg()"
        )
    if overlaps(param):
        raise ValueError(
            f"{name}: a parameter of shape {tuple(param.shape)} has elements that share memory (strides "
            f"{param.stride()}), expected one place for each; pass a clone()"
        )


def overlaps(param: Tensor) -> bool:
    """Return whether elements of a tensor may share memory: a step along one dimension lies within another."""
    reached = 0
    for stride, size in sorted(zip(param.stride(), param.shape, strict=True)):
        if size > 1 and stride <= reached:
            return bool(param.numel())
        reached += (size - 1) * stride
    return False


def refuse_capture(name: str, group: dict[str, Any], param: Tensor, counted: bool) -> None:
    """Refuse a capture of steps that the host counts: a replayed graph would repeat one count.

    Raises:
        RuntimeError: a graph is being captured, steps are counted, and the group is not ``capturable``.
    """
    if not counted or not on_device(param) or group.get("capturable") or not capturing(param):
        return
    if "capturable" in group:
        raise RuntimeError(f"{name}: capturable is False, expected True while a graph is captured")
    raise RuntimeError(
        f"{name}: steps are counted on the host while a graph is captured, which would repeat one count; "
        "step outside the graph"
    )


def refuse_first_capture(name: str, param: Tensor) -> None:
    """Refuse a capture of a parameter's first step: each replay would make its states anew.

    Raises:
        RuntimeError: a graph is being captured.
    """
    if on_device(param) and capturing(param):
        raise RuntimeError(
            f"{name}: a graph is captured in the first step of a parameter, and would make its states anew in each "
            "replay; take a step before"
        )


def refuse_count_elsewhere(name: str, param: Tensor, state: dict[str, Any]) -> None:
    """Refuse a capture of steps that are counted elsewhere than on the parameter's device.

    Raises:
        RuntimeError: a graph is being captured, and the count of steps is not there.
    """
    count = state.get("step")
    if isinstance(count, Tensor) and count.device != param.device and on_device(param) and capturing(param):
        raise RuntimeError(
            f"{name}: the state step is on {count.device}, expected {param.device} while a graph is captured; "
            "set capturable=True in the constructor, or move the state there"
        )
