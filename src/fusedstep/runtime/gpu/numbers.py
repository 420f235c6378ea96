"""The numbers of a step: expressions of its scalars, evaluated once per call in float64."""

from collections.abc import Sequence
from typing import Any, Protocol

from ...arrays.devices import library_of, on_device
from ...codegen.gpu.build import host_numbers_for, numbers_for
from ...codegen.rule.spec import RuleSpec
from .launch_kernel import launch_kernel


class Evaluating(Protocol):
    """What this module needs of an operator.

    Attributes:
        built: the cache of what is built for the rule, for devices.
    """

    built: dict[tuple[Any, ...], Any]

    @property
    def spec(self) -> RuleSpec:
        """Its rule."""


def numbers_of(operator: Evaluating, compute: str, scalars: Sequence[Any], like: Any) -> tuple[list[Any], bool]:
    """The arguments of kernels for the numbers, and whether these are on the device.

    Numbers from plain scalars are arguments themselves. If one scalar is an array on the device, a kernel evaluates
    all of them there.
    """
    are_there = tuple(on_device(value) for value in scalars)
    if not any(are_there):
        return host_numbers(operator, compute, scalars), False
    key = ("numbers on the device", compute, are_there)
    if key not in operator.built:
        operator.built[key] = numbers_for(operator.spec.program, compute, are_there)
    kernel, count = operator.built[key]
    library = library_of(like)
    numbers = library.empty((count,), compute, like)
    launch_kernel(library, kernel, 1, [*scalars, numbers])
    return [numbers], True


def host_numbers(operator: Evaluating, compute: str, scalars: Sequence[float]) -> list[float]:
    """The numbers from plain scalars."""
    key = ("numbers", compute)
    if key not in operator.built:
        operator.built[key] = host_numbers_for(operator.spec.program, compute)
    found: list[float] = operator.built[key](scalars)
    return found
