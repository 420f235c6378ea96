"""Parameter groups: one setting of learning rate, weight decay and centralization for each parameter."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....arrays import mindspore_tensors
from ...common.parameter import Parameter
from ...common.tensor import Tensor

KEYS = ("params", "lr", "weight_decay", "grad_centralization", "order_params")


@dataclass
class Setting:
    """How one parameter steps; None is the optimizer's own setting.

    Attributes:
        parameter: the parameter.
        group: the place of its group.
        lr: its learning rate.
        weight_decay: its weight decay.
        grad_centralization: whether its gradient is centralized.
    """

    parameter: Any
    group: int = 0
    lr: Any = None
    weight_decay: Any = None
    grad_centralization: bool = False


def read_parameters(name: str, parameters: Any) -> list[Setting]:
    """The settings of parameters, or of parameter groups, in the order of the steps.

    Args:
        name: the optimizer's name, for messages.
        parameters: parameters, or groups: dicts with ``params`` and any of ``lr``, ``weight_decay`` and
            ``grad_centralization``; or one with ``order_params``, all parameters in the order of the steps.

    Raises:
        KeyError: a group has an unknown key.
        TypeError: something is not a parameter or a group.
        ValueError: there are no parameters, or ``order_params`` does not name each of them once.
        RuntimeError: a parameter is given twice.
    """
    entries = as_list(name, "parameters", parameters)
    if not all(isinstance(entry, dict) for entry in entries):
        settings = [Setting(entry) for entry in entries]
        check_each(name, settings)
        return settings
    settings, order = [], None
    for place, group in enumerate(entries):
        check_keys(name, place, group)
        if "order_params" in group:
            order = as_list(name, f"order_params of parameters[{place}]", group["order_params"])
            continue
        centralizes = group.get("grad_centralization", False)
        if not isinstance(centralizes, bool):
            raise TypeError(f"{name}: grad_centralization of parameters[{place}] is {centralizes!r}, expected a bool")
        members = as_list(name, f"params of parameters[{place}]", group["params"])
        settings += [Setting(each, place, group.get("lr"), group.get("weight_decay"), centralizes) for each in members]
    check_each(name, settings)
    return settings if order is None else in_order(name, settings, order)


def as_list(name: str, label: str, values: Any) -> list[Any]:
    """A list of the values, which must not be empty."""
    if values is None or (isinstance(values, Iterable) and not isinstance(values, Tensor | np.ndarray | str | bytes)):
        found = [] if values is None else list(values)
        if not found:
            raise ValueError(f"{name}: {label} is {'None' if values is None else 'empty'}, expected Parameters")
        return found
    raise TypeError(f"{name}: {label} is of type {type(values).__name__}, expected a list of Parameters or of groups")


def check_keys(name: str, place: int, group: dict[str, Any]) -> None:
    """Check the keys of a group."""
    unknown = [key for key in group if key not in KEYS]
    if unknown:
        raise KeyError(f"{name}: parameters[{place}] has the keys {unknown}, expected keys of {', '.join(KEYS)}")
    if "order_params" in group and len(group) > 1:
        raise ValueError(f"{name}: parameters[{place}] has order_params and other keys, expected order_params alone")
    if "order_params" not in group and "params" not in group:
        raise KeyError(f"{name}: parameters[{place}] has no params, expected a list of Parameters under this key")


def check_each(name: str, settings: Sequence[Setting]) -> None:
    """Check that each parameter is one, and is given once."""
    seen: set[str] = set()
    for place, setting in enumerate(settings):
        parameter = setting.parameter
        if not isinstance(parameter, Parameter):
            if mindspore_tensors.is_tensor(parameter):
                raise TypeError(
                    f"{name}: parameters: number {place} is MindSpore's own, expected a Parameter of "
                    "fusedstep.mindspore; derive from mindspore.nn.Optimizer, or from an optimizer of "
                    "fusedstep.mindspore.nn"
                )
            raise TypeError(
                f"{name}: parameters: number {place} is of type {type(parameter).__name__}, expected a Parameter, or "
                "dicts for all"
            )
        if parameter.name in seen:
            raise RuntimeError(
                f"{name}: the parameter {parameter.name} is given twice, expected each name once; give Parameters of "
                "one name other names"
            )
        seen.add(parameter.name)


def in_order(name: str, settings: list[Setting], order: list[Any]) -> list[Setting]:
    """The settings in the order of ``order_params``."""
    by_identity = {id(setting.parameter): setting for setting in settings}
    if sorted(map(id, order)) != sorted(by_identity):
        raise ValueError(
            f"{name}: order_params has {len(order)} Parameters, expected each of the {len(settings)} Parameters of the "
            "groups once"
        )
    return [by_identity[id(parameter)] for parameter in order]
