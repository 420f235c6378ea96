"""What a step's scalars come to, evaluated once a call in float64."""

import sys
from collections.abc import Sequence
from typing import Any, Protocol

from ...arrays.device_tensors import on_device
from ...codegen.gpu.kernels import host_numbers_for, numbers_for
from ...codegen.rule.spec import RuleSpec
from .options import EXACT


class Evaluating(Protocol):
    """The operator whose scalars are evaluated.

    Attributes:
        built: what was built of its rule, for devices.
    """

    built: dict[tuple[Any, ...], Any]

    @property
    def spec(self) -> RuleSpec:
        """Its rule."""


def numbers_of(operator: Evaluating, compute: str, scalars: Sequence[Any], like: Any) -> tuple[list[Any], bool]:
    """What kernels take for the scalars, and whether it lies on the device.

    Plain numbers are handed over with the call. As soon as one scalar is a tensor on the device, all that follows
    from scalars is evaluated there, by a program of its own.
    """
    there = tuple(on_device(value) for value in scalars)
    if not any(there):
        return host_numbers(operator, compute, scalars), False
    key = ("numbers on the device", compute, there)
    if key not in operator.built:
        operator.built[key] = numbers_for(operator.spec.program, compute, there)
    kernel, count = operator.built[key]
    numbers = like.new_empty((count,), dtype=getattr(sys.modules["torch"], compute))
    kernel[(1,)](*scalars, numbers, **EXACT)
    return [numbers], True


def host_numbers(operator: Evaluating, compute: str, scalars: Sequence[float]) -> list[float]:
    """What plain numbers come to."""
    key = ("numbers", compute)
    if key not in operator.built:
        operator.built[key] = host_numbers_for(operator.spec.program, compute)
    found: list[float] = operator.built[key](scalars)
    return found
