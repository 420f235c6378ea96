"""What a step's scalars come to, evaluated once a call in float64."""

import sys
from collections.abc import Sequence
from typing import Any

from ...arrays.device_tensors import on_device
from ...codegen.gpu.kernels import host_numbers_for, numbers_for


def numbers_of(
    rule: Any, switches: tuple[tuple[str, bool], ...], compute: str, scalars: Sequence[Any], like: Any
) -> tuple[list[Any], bool]:
    """What kernels take for the scalars, and whether it lies on the device.

    Plain numbers are handed over with the call. As soon as one scalar is a tensor on the device, all that follows
    from scalars is evaluated there, by a program of its own.
    """
    if not any(on_device(value) for value in scalars):
        return host_numbers_for(rule, switches, compute)(scalars), False
    torch = sys.modules["torch"]
    wide = [
        value.reshape(()).double()
        if on_device(value)
        else torch.full((), value, dtype=torch.float64, device=like.device)
        for value in scalars
    ]
    kernel, count = numbers_for(rule, switches, compute)
    numbers = like.new_empty((count,), dtype=getattr(torch, compute))
    kernel[(1,)](torch.stack(wide), numbers, enable_fp_fusion=False)
    return [numbers], True
