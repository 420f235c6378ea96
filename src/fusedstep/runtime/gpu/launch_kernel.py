"""How a kernel is compiled and launched."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from ...arrays.devices import DeviceLibrary
from ...codegen.compile_notice import notice

WARPS = 4
# Products and sums are rounded one by one, as on a CPU.
EXACT = {"enable_fp_fusion": False, "num_warps": WARPS}
# What has been launched: the kernels, with what they know when they are compiled.
_launched: set[tuple[Any, ...]] = set()


def launch_kernel(library: DeviceLibrary, kernel: Any, programs: int, arguments: Sequence[Any], **known: Any) -> None:
    """Launch a kernel on the current stream.

    Args:
        library: the library of the arrays among the arguments.
        kernel: Triton's kernel.
        programs: the number of its programs.
        arguments: arrays and numbers; None for an array that a kernel is compiled without.
        **known: what is known when the kernel is compiled, and Triton's options.
    """
    launch = partial(kernel[(programs,)], *library.arguments(arguments), **EXACT | known)
    # Kernels live as long as the process. Triton compiles at the first launch, and does not say so.
    key = id(kernel), *(each is None for each in arguments), *known.items()
    if key in _launched:
        launch()
        return
    with notice.during("a kernel for the device", where_cached) if is_compiled(kernel) else nullcontext():
        launch()
    _launched.add(key)


def is_compiled(kernel: Any) -> bool:
    """Whether a kernel is compiled, and not interpreted."""
    return isinstance(kernel, sys.modules["triton"].JITFunction)


def where_cached() -> str:
    """Where Triton caches what it compiles, for a person."""
    return "once; cached in Triton's cache"
