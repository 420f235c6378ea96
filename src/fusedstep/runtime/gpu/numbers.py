"""The numbers of a step: expressions of its scalars, evaluated once per call in float64."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ...arrays.devices import library_of, on_device
from ...codegen.gpu.kernels import host_numbers_for, numbers_for
from .launch_kernel import launch_kernel


class Evaluating(Protocol):
    """What this module needs of an operator.

    Attributes:
        rule: its rule.
        switches: its switches.
        kept: the cache of what is compiled for the rule.
    """

    rule: Callable[..., Any]
    switches: tuple[tuple[str, bool], ...]
    kept: dict[tuple[Any, ...], Any]


def numbers_of(operator: Evaluating, compute: str, scalars: Sequence[Any], like: Any) -> tuple[list[Any], bool]:
    """The arguments of kernels for the numbers, and whether these are on the device.

    Numbers from plain scalars are arguments themselves. If one scalar is an array on the device, a kernel evaluates
    all of them there.
    """
    are_there = tuple(on_device(value) for value in scalars)
    if not any(are_there):
        return host_numbers(operator, compute, scalars), False
    key = ("numbers on the device", compute, are_there)
    if key not in operator.kept:
        operator.kept[key] = numbers_for(operator.rule, operator.switches, compute, are_there)
    kernel, count = operator.kept[key]
    library = library_of(like)
    numbers = library.empty((count,), compute, like)
    launch_kernel(library, kernel, 1, [*scalars, numbers])
    return [numbers], True


def host_numbers(operator: Evaluating, compute: str, scalars: Sequence[float]) -> list[float]:
    """The numbers from plain scalars."""
    key = ("numbers", compute)
    if key not in operator.kept:
        operator.kept[key] = host_numbers_for(operator.rule, operator.switches, compute)
    found: list[float] = operator.kept[key](scalars)
    return found
