"""A stand-in for Triton's driver: kernels are compiled for a device that need not be there, and launched nowhere.

What the host does about a launch can so be run, timed and written down on any machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

from triton.backends.compiler import GPUTarget
from triton.runtime import driver

SM_90 = GPUTarget("cuda", 90, 32)
# More than any kernel asks for.
PLENTY = 1 << 20


class Launched(NamedTuple):
    """What a launcher is given.

    Attributes:
        title: what the module of the kernel says of it.
        kernel: the hash of the compiled kernel, which tells apart all that Triton compiles.
        function: the kernel as the driver knows it.
        device, stream, grid: where it is launched.
        kinds: the types of its arguments, as Triton names them.
        arguments: its arguments; addresses in place of arrays.
        noticed: the metadata that launch hooks are given.
    """

    title: str
    kernel: str
    function: int
    device: int
    stream: int
    grid: tuple[int, ...]
    kinds: tuple[str, ...]
    arguments: tuple[Any, ...]
    noticed: Any


class StandIn:
    """A driver whose launches do nothing, but for calling the hooks as Triton's launchers do.

    Attributes:
        device, stream: the current ones.
        target: what kernels are compiled for.
        launched: what was launched; None to write nothing down.
        loaded: the number of kernels that were loaded.
        spills: how many registers the next ones that are loaded are said to spill; 0 for all others.
    """

    def __init__(self, target: GPUTarget = SM_90, noting: bool = True) -> None:
        self.target, self.device, self.stream, self.loaded = target, 0, 0, 0
        self.launched: list[Launched] | None = [] if noting else None
        self.spills: list[int] = []
        self.utils = SimpleNamespace(
            get_device_properties=lambda device: {"max_shared_mem": PLENTY},
            load_binary=self._load,
            unload_module=lambda module: None,
        )
        self.launcher_cls = self._launcher

    def get_current_device(self) -> int:
        return self.device

    def get_current_stream(self, device: Any = None) -> int:
        return self.stream

    def get_current_target(self) -> GPUTarget:
        return self.target

    def _load(self, name: str, binary: bytes, shared: int, device: int) -> tuple[int, int, int, int, int]:
        self.loaded += 1
        return self.loaded, self.loaded, 0, self.spills.pop(0) if self.spills else 0, PLENTY

    def _launcher(self, source: Any, metadata: Any) -> Any:
        if self.launched is None:
            return launch_nowhere

        def launch(
            x: int,
            y: int,
            z: int,
            stream: int,
            function: int,
            packed: Any,
            noticed: Any,
            enter: Any,
            leave: Any,
            *arguments: Any,
        ) -> None:
            if enter is not None:
                enter(noticed)
            given = tuple(each.data_ptr() if hasattr(each, "data_ptr") else each for each in arguments)
            assert self.launched is not None
            where = self.device, stream, function, (x, y, z)
            self.launched.append(noted(source, metadata, *where, given, noticed))
            if leave is not None:
                leave(noticed)

        return launch


def noted(
    source: Any,
    metadata: Any,
    device: int,
    stream: int,
    function: int,
    grid: tuple[int, ...],
    arguments: tuple[Any, ...],
    noticed: Any,
) -> Launched:
    """What is written down of a launch."""
    title = source.fn.fn.__globals__["__doc__"].splitlines()[0]
    kinds = tuple(source.signature.values())
    return Launched(title, metadata.hash, function, device, stream, grid, kinds, arguments, noticed)


def launch_nowhere(*given: Any) -> None:
    """A launcher that takes no time of its own."""


@contextmanager
def standing_in(stand_in: StandIn) -> Iterator[StandIn]:
    """Let Triton launch by a stand-in."""
    before = driver._active
    driver.set_active(stand_in)
    try:
        yield stand_in
    finally:
        driver._active = before
