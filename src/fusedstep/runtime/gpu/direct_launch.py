"""Launches of kernels that Triton has compiled, past its binder, which takes most of the host's time.

Triton chooses a compiled kernel by the types of the arguments, by which addresses and numbers are multiples of 16 or
equal to one, and by its settings. ``bound`` tells apart whatever Triton does. Where the installed version
is not as expected, and where somebody listens to launches, every launch goes through Triton.
"""

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

# Backends whose launchers take addresses in place of arrays.
BACKENDS = {"cuda", "hip"}
# Of how many specializations of a kernel the compiled ones are kept here.
SPECIALIZATIONS = 256
ALIGNMENT = 16


class Place(NamedTuple):
    """Where kernels are launched, and the settings by which Triton compiles.

    Attributes:
        driver: Triton's driver.
        device: the number of the current device.
        settings: Triton's settings.
    """

    driver: Any
    device: int
    settings: tuple[Any, ...]


class DirectLaunch(NamedTuple):
    """What launches a compiled kernel.

    Attributes:
        run: the launcher.
        function, metadata: the kernel as the driver knows it, and its metadata.
        known: the arguments that are known beforehand, which launchers expect behind the others.
    """

    run: Callable[..., None]
    function: Any
    metadata: Any
    known: tuple[Any, ...]

    def launch(self, place: Place, programs: int, arguments: Sequence[Any]) -> None:
        """Launch the kernel on the current stream, with addresses in place of arrays."""
        stream = place.driver.get_current_stream(place.device)
        # Nobody listens: without metadata for hooks, and without hooks.
        self.run(programs, 1, 1, stream, self.function, self.metadata, None, None, None, *arguments, *self.known)


class Bound(NamedTuple):
    """The arguments of a launch.

    Attributes:
        key: what Triton tells compiled kernels apart by, or more.
        arguments: as a launcher takes them.
    """

    key: tuple[Any, ...]
    arguments: list[Any]


class Kernel:
    """What is known of one of Triton's kernels.

    Attributes:
        kernel: the kernel, kept alive: it is known by its identity.
        fixed: for each argument whether its value does not matter to Triton.
        compiled: what launches it, by specialization.
    """

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.fixed = [is_fixed(each) for each in kernel.params]
        self.names = [each.name for each in kernel.params]
        self.compiled: dict[tuple[Any, ...], DirectLaunch] = {}


_kernels: dict[int, Kernel] = {}


def is_fixed(parameter: Any) -> bool:
    """Whether Triton takes the type of a parameter from its annotation, and asks nothing of its values."""
    annotated = parameter.annotation_type
    return bool(annotated) and (parameter.do_not_specialize or annotated == "u1" or annotated[:2] in ("fp", "bf"))


def place_of_launches(kernel: Any) -> Place | None:
    """Where a kernel can be launched directly now; None where each launch is Triton's own."""
    runtime = sys.modules.get("triton.runtime.jit")
    if runtime is None:
        return None
    try:
        knobs, run = runtime.knobs, type(kernel).run
        settings = knobs.runtime
        if (
            # An interpreted kernel, or launches that another program takes over.
            run.__module__ != "triton.runtime.jit"
            or run is not runtime.JITFunction.run
            or kernel.pre_run_hooks
            or settings.launch_enter_hook.calls
            or settings.launch_exit_hook.calls
            or settings.add_stages_inspection_hook is not None
        ):
            return None
        driver, compilation = runtime.driver.active, vars(knobs.compilation)
        chosen = settings.debug, compilation.get("instrumentation_mode"), compilation.get("fpsan_homomorphic_casts")
        place = Place(driver, driver.get_current_device(), chosen)
    except AttributeError:
        return None
    return None if backend_of(driver, place.device) is None else place


@lru_cache(64)
def backend_of(driver: Any, device: int) -> Any:
    """Triton's backend for a device; None if its launchers may not take addresses."""
    target = driver.get_current_target()
    return sys.modules["triton.compiler"].make_backend(target) if target.backend in BACKENDS else None


def bound(place: Place, kernel: Kernel, arguments: Sequence[Any], known: dict[str, Any]) -> Bound | None:
    """A kernel's arguments as its launcher takes them; None for some that only Triton knows."""
    key: list[Any] = [place]
    given: list[Any] = []
    more = more_of_addresses(place)
    for fixed, value in zip(kernel.fixed, arguments, strict=False):
        if fixed:
            given.append(value)
        elif value is None:
            key.append(None)
            given.append(None)
        elif type(value) is int:
            key += "one" if value == 1 else not value % ALIGNMENT, -(2**31) <= value < 2**31, value < 2**63
            given.append(value)
        else:
            try:
                address = value.data_ptr()
                key += value.dtype, not address % ALIGNMENT
            except AttributeError:
                return None
            if more is not None:
                key.append(more(value, align=True))
            given.append(address)
    key += known.items()
    return Bound(tuple(key), given)


@lru_cache(64)
def more_of_addresses(place: Place) -> Callable[..., str] | None:
    """What a backend asks of an array beside the alignment of its address, as AMD's does; None if nothing."""
    found: Callable[..., str] = backend_of(place.driver, place.device).get_tensor_specialization
    return None if found is sys.modules["triton.backends.compiler"].BaseBackend.get_tensor_specialization else found


def kernel_of(kernel: Any) -> Kernel:
    """What is known of a kernel."""
    found = _kernels.get(id(kernel))
    if found is None:
        found = _kernels[id(kernel)] = Kernel(kernel)
    return found


def keep(kernel: Kernel, to: Bound, count: int, known: dict[str, Any], compiled: Any) -> None:
    """Keep what Triton has compiled, and launched with ``count`` arguments, for launches that are like this one."""
    try:
        if any(each.is_constexpr for each in kernel.kernel.params[:count]):
            return
        behind = tuple(known[name] for name in kernel.names[count:])
        found = DirectLaunch(compiled.run, compiled.function, compiled.packed_metadata, behind)
    except (AttributeError, KeyError):
        # Another version of Triton, or one that compiles later.
        return
    if len(kernel.compiled) >= SPECIALIZATIONS:
        kernel.compiled.clear()
    kernel.compiled[to.key] = found
