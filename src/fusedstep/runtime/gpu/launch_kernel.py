"""How a kernel is compiled and launched."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any

from ...arrays.devices import DeviceLibrary
from ...codegen.compile_notice import notice
from .direct_launch import ALIGNMENT, bound, keep, kernel_of, place_of_launches

WARPS = 4
# Products and sums are rounded one by one, as on a CPU.
EXACT = {"enable_fp_fusion": False, "num_warps": WARPS}
# NVIDIA's assembler stores a register or two where more programs then run at once. Told that a kernel may have them
# all, it does not.
ALL_REGISTERS = {"maxnreg": 255}
# What has been launched: the kernels, with what they know when they are compiled; and those that spilled registers.
_launched: set[tuple[Any, ...]] = set()
_spilling: dict[tuple[Any, ...], dict[str, Any]] = {}


def launch_kernel(library: DeviceLibrary, kernel: Any, programs: int, arguments: Sequence[Any], **known: Any) -> None:
    """Launch a kernel on the current stream.

    The first launch goes through Triton, which binds the arguments and compiles. Later ones with equal types and
    alignments go straight to the compiled kernel.

    Args:
        library: the library of the arrays among the arguments.
        kernel: Triton's kernel.
        programs: the number of its programs; with none it is only compiled and loaded.
        arguments: arrays and numbers; None for an array that a kernel is compiled without.
        **known: what is known when the kernel is compiled, and Triton's options.
    """
    given, place = library.arguments(arguments), place_of_launches(kernel)
    if place is None:
        launch_by_triton(kernel, programs, given, known)
        return
    cached = kernel_of(kernel)
    to = bound(place, cached, given, known)
    direct = cached.compiled.get(to.key) if to else None
    if to and direct:
        direct.launch(place, programs, to.arguments)
        return
    compiled = launch_by_triton(kernel, programs, given, known)
    if to:
        keep(cached, to, len(given), known, compiled)


def launch_by_triton(kernel: Any, programs: int, arguments: Sequence[Any], known: dict[str, Any]) -> Any:
    """Launch a kernel as Triton documents it; return what it compiled for the next launches."""
    # Kernels live as long as the process. Triton compiles at the first launch, and does not say so.
    key = id(kernel), *map(kind_of, arguments), *known.items()
    launch = partial(kernel[(programs,)], *arguments, **EXACT | known | _spilling.get(key, {}))
    if key in _launched:
        return launch()
    with announced(kernel):
        compiled = launch()
        if getattr(compiled, "n_spills", 0) and compiled.metadata.target.backend == "cuda":
            # The kernel has run: a failure of the second compilation is ignored.
            with suppress(Exception):
                _spilling[key], compiled = with_fewer_spills(kernel, compiled, arguments, known)
    _launched.add(key)
    return compiled


def kind_of(argument: Any) -> Any:
    """What Triton compiles by, as far as registers depend on it: an array's type, and whether loads may be wide."""
    return (argument.dtype, not argument.data_ptr() % ALIGNMENT) if hasattr(argument, "data_ptr") else argument is None


def with_fewer_spills(
    kernel: Any, compiled: Any, arguments: Sequence[Any], known: dict[str, Any]
) -> tuple[dict[str, Any], Any]:
    """The better options for a kernel that spills registers, and what is compiled with them."""
    other = kernel.warmup(*arguments, grid=(1,), **EXACT | known | ALL_REGISTERS)
    # It is loaded when its launcher is asked for.
    return (ALL_REGISTERS, other) if other.run and other.n_spills < compiled.n_spills else ({}, compiled)


def announced(kernel: Any) -> AbstractContextManager[Any]:
    """Say that a kernel is compiled, if it takes long."""
    return notice.during("a kernel for the device", where_cached) if is_compiled(kernel) else nullcontext()


def is_compiled(kernel: Any) -> bool:
    """Whether a kernel is compiled, and not interpreted."""
    return isinstance(kernel, sys.modules["triton"].JITFunction)


def where_cached() -> str:
    """Where Triton caches what it compiles, for a person."""
    return "once; cached in Triton's cache"
