"""The numbers of a step: expressions of its scalars, evaluated once per call in float64."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ...arrays.devices import library_of, on_device
from ...codegen.gpu.build import host_numbers_for, numbers_for
from ...codegen.rule.spec import RuleSpec
from .launch_kernel import launch_kernel


class Evaluating(Protocol):
    """What this module needs of an operator."""

    @property
    def spec(self) -> RuleSpec:
        """Its rule."""

    def build_once(self, key: tuple[Any, ...], build: Callable[[], Any]) -> Any:
        """What was built of the rule for devices under a key; built at the first use."""


def numbers_of(operator: Evaluating, compute: str, scalars: Sequence[Any], like: Any) -> tuple[list[Any], bool]:
    """The arguments of kernels for the numbers, and whether these are on the device.

    Numbers from plain scalars are arguments themselves. If one scalar is an array on the device, a kernel evaluates
    all of them there.
    """
    if not any(map(on_device, scalars)):
        return host_numbers(operator, compute, scalars), False
    return [rows_of_numbers(operator, compute, scalars, 1, like)], True


def strides_of(scalars: Sequence[Any], rows: int) -> dict[str, int]:
    """What the kernel for so many rows of numbers knows: which scalars on the device have an element for each row."""
    there = [(k, each) for k, each in enumerate(scalars) if on_device(each)]
    return {f"stride_{k}": int(each.shape == (rows,) and rows > 1) for k, each in there}


def rows_of_numbers(operator: Evaluating, compute: str, scalars: Sequence[Any], rows: int, like: Any) -> Any:
    """The numbers of several steps, a row each, evaluated on the device.

    Args:
        operator: the operator.
        compute: the compute type.
        scalars: numbers, and arrays on the device of one element, or of one for each step.
        rows: the number of steps.
        like: an array on the device.
    """
    are_there = tuple(on_device(value) for value in scalars)
    key = ("numbers on the device", compute, are_there)
    kernel, count = operator.build_once(key, lambda: numbers_for(operator.spec.program, compute, are_there))
    library = library_of(like)
    numbers = library.empty((rows, count), compute, like)
    launch_kernel(library, kernel, rows, [*scalars, numbers], **strides_of(scalars, rows))
    return numbers


def host_numbers(operator: Evaluating, compute: str, scalars: Sequence[float]) -> list[float]:
    """The numbers from plain scalars."""
    evaluate = operator.build_once(("numbers", compute), lambda: host_numbers_for(operator.spec.program, compute))
    found: list[float] = evaluate(scalars)
    return found
