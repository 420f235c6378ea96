"""Whose parameters an optimizer steps: those of ``fusedstep.mindspore`` or MindSpore's own; and its base class."""

import inspect
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Set, ValuesView
from dataclasses import dataclass
from functools import cache
from io import IOBase
from typing import Any

from ....arrays import mindspore_tensors
from ...common.parameter import Parameter, ParameterTuple
from ...common.tensor import Tensor
from ..cell import Cell
from .optimizer import Optimizer
from .uncompiled import uncompiled


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
    mindspore = mindspore_tensors.library()
    return Framework(
        mindspore.nn.Optimizer,
        mindspore.Parameter,
        mindspore.ParameterTuple,
        mindspore.Tensor,
    )


@cache
def with_base(cls: Any, framework: Framework) -> type:
    """A class with the base class of optimizers that a framework has, under the same name."""
    return type(
        cls.__name__,
        (cls, framework.optimizer),
        {
            "_framework": framework,
            "construct": uncompiled(cls.construct),
            "__doc__": cls.__doc__,
            "__module__": cls.__module__,
            "__qualname__": cls.__qualname__,
            "__signature__": inspect.signature(cls),
        },
    )


def empty(cls: type, of_mindspore: bool) -> Any:
    """An optimizer without attributes, for copies."""
    made: Any = with_base(cls, mindspore_framework() if of_mindspore else OURS)
    return made.__new__(made)


def check_framework(name: str, framework: Framework, params: Any, settings: Any) -> None:
    """Check that the parameters are those that the base class was chosen for, and that their schedules are too.

    Raises:
        TypeError: they are not.
    """
    groups = [group.values() for group in params if isinstance(group, Mapping)] if isinstance(params, list) else []
    for setting in (*settings, *(value for group in groups for value in group)):
        if framework is not OURS and isinstance(setting, Cell):
            raise TypeError(
                f"{name}: the {type(setting).__name__} is of fusedstep.mindspore, and the parameters are MindSpore's "
                "own, expected one library; use the schedules and cells of mindspore.nn"
            )
    if framework_of([params]).optimizer is not framework.optimizer:
        raise TypeError(
            f"{name}: the parameters are of another library than the arguments of the constructor, expected one of "
            "both; pass the parameters themselves to the constructor"
        )


def is_mindspore(value: Any) -> bool:
    """Whether a value is MindSpore's own tensor or cell, or a list, tuple or dict with one in it."""
    if isinstance(value, Mapping):
        return any(map(is_mindspore, value.values()))
    if isinstance(value, list | tuple):
        return any(map(is_mindspore, value))
    cell = getattr(getattr(mindspore_tensors.library(), "nn", None), "Cell", ())
    return mindspore_tensors.is_tensor(value) or isinstance(value, cell)


def with_lists(values: Any) -> Any:
    """A list of what an iterator yields, since it yields only once, or a view, set or queue has; others as they are.

    Groups likewise.
    """
    if isinstance(values, Iterator | Set | ValuesView | deque) and not isinstance(values, IOBase):
        values = list(values)
    if isinstance(values, list | tuple):
        return type(values)(map(group_with_lists, values)) if type(values) in (list, tuple) else values
    return values


def group_with_lists(value: Any) -> Any:
    """A parameter group whose parameters are lists; anything else as it is."""
    return {key: with_lists(each) for key, each in value.items()} if isinstance(value, dict) else value
