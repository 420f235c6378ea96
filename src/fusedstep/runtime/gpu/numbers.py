"""What a step's scalars come to, evaluated once a call in float64."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ...arrays.devices import library_of, on_device
from ...codegen.gpu.kernels import host_numbers_for, numbers_for
from .launch_kernel import launch_kernel


class Evaluating(Protocol):
    """What is asked of an operator.

    Attributes:
        rule: its rule.
        switches: its switches.
        kept: what was made of the rule, for devices.
    """

    rule: Callable[..., Any]
    switches: tuple[tuple[str, bool], ...]
    kept: dict[tuple[Any, ...], Any]


def numbers_of(operator: Evaluating, compute: str, scalars: Sequence[Any], like: Any) -> tuple[list[Any], bool]:
    """What kernels take for the scalars, and whether it lies on the device.

    Plain numbers are handed over with the call. As soon as one scalar is a tensor on the device, all that follows
    from scalars is evaluated there, by a program of its own.
    """
    there = tuple(on_device(value) for value in scalars)
    if not any(there):
        return host_numbers(operator, compute, scalars), False
    key = ("numbers on the device", compute, there)
    if key not in operator.kept:
        operator.kept[key] = numbers_for(operator.rule, operator.switches, compute, there)
    kernel, count = operator.kept[key]
    library = library_of(like)
    numbers = library.empty((count,), compute, like)
    launch_kernel(library, kernel, 1, [*scalars, numbers])
    return [numbers], True


def host_numbers(operator: Evaluating, compute: str, scalars: Sequence[float]) -> list[float]:
    """What plain numbers come to."""
    key = ("numbers", compute)
    if key not in operator.kept:
        operator.kept[key] = host_numbers_for(operator.rule, operator.switches, compute)
    found: list[float] = operator.kept[key](scalars)
    return found
