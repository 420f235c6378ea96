"""How a kernel is compiled and launched."""

from collections.abc import Sequence
from typing import Any

from ...arrays.devices import DeviceLibrary

WARPS = 4
# Products and sums are rounded one by one, as on a CPU.
EXACT = {"enable_fp_fusion": False, "num_warps": WARPS}


def launch_kernel(library: DeviceLibrary, kernel: Any, programs: int, arguments: Sequence[Any], **known: Any) -> None:
    """Launch a kernel on the current stream.

    Args:
        library: the library of the arrays among the arguments.
        kernel: Triton's kernel.
        programs: the number of its programs.
        arguments: arrays and numbers.
        **known: what is known when the kernel is compiled, and Triton's options.
    """
    kernel[(programs,)](*library.arguments(arguments), **EXACT | known)
