"""Whose parameters an optimizer steps: those of ``fusedstep.mindspore``, or those of MindSpore itself."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ....arrays import mindspore_tensors
from ...common.parameter import Parameter, ParameterTuple
from ...common.tensor import Tensor
from .optimizer import Optimizer


@dataclass(frozen=True)
class Framework:
    """What an optimizer takes from the library of its parameters.

    Attributes:
        optimizer: the base class of optimizers.
        parameter, parameter_tuple, tensor: the classes of arrays.
    """

    optimizer: Any
    parameter: Any
    parameter_tuple: Any
    tensor: Any


OURS = Framework(Optimizer, Parameter, ParameterTuple, Tensor)


def framework_of(values: Iterable[Any]) -> Framework:
    """MindSpore, if one of the values is its own or contains one; else ours."""
    return mindspore_framework() if any(map(is_mindspore, values)) else OURS


@cache
def mindspore_framework() -> Framework:
    """MindSpore, which the caller has imported."""
    mindspore: Any = sys.modules["mindspore"]
    return Framework(
        mindspore.nn.Optimizer,
        mindspore.Parameter,
        mindspore.ParameterTuple,
        mindspore.Tensor,
    )


def is_mindspore(value: Any) -> bool:
    """Whether a value is MindSpore's own tensor or cell, or a list, tuple or dict with one in it."""
    if isinstance(value, Mapping):
        return any(map(is_mindspore, value.values()))
    if isinstance(value, list | tuple):
        return any(map(is_mindspore, value))
    mindspore = sys.modules.get("mindspore")
    cell = getattr(getattr(mindspore, "nn", None), "Cell", ())
    return mindspore_tensors.is_tensor(value) or (mindspore is not None and isinstance(value, cell))


def listed(values: Any) -> Any:
    """A list of what an iterator yields, since it yields only once; anything else as it is. Groups likewise."""
    if isinstance(values, Iterator):
        values = list(values)
    if isinstance(values, list | tuple):
        return type(values)(map(listed_group, values)) if type(values) in (list, tuple) else values
    return values


def listed_group(value: Any) -> Any:
    """A parameter group whose parameters are lists; anything else as it is."""
    return {key: listed(each) for key, each in value.items()} if isinstance(value, dict) else value
