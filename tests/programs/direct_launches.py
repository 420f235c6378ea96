"""Launches by a stand-in for Triton's driver: ``python -m tests.programs.direct_launches direct cuda`` writes JSON.

``direct`` and ``ordinary`` write what the calls of ``launches`` launch, past Triton's binder and through it. ``drawn``
draws arguments, and compares the kernel that is launched with the one that Triton chooses for them; ``listened``
launches while hooks are set, and ``spilling`` kernels that spill registers.
"""

import json
import os
import random
import sys
from contextlib import nullcontext
from functools import partial
from typing import Any
from unittest import mock

os.environ["TRITON_INTERPRET"] = "0"

import torch
from benchmarks.gpu.stand_in import GPUTarget, StandIn, standing_in
from triton import knobs
from triton.runtime.jit import JITFunction

from fusedstep.arrays import torch_device
from fusedstep.codegen.gpu import build
from fusedstep.runtime.gpu import launch_kernel
from fusedstep.runtime.gpu.direct_launch import DirectLaunch
from tests.programs import launches

TARGETS = {"cuda": GPUTarget("cuda", 90, 32), "hip": GPUTarget("hip", "gfx942", 64)}


def as_text(value: Any, kind: str) -> Any:
    """An argument; of an address only whether it is aligned, since memory lies elsewhere in each run."""
    if value is not None and kind.startswith("*"):
        assert type(value) is int
        return f"address, {value % 16} beyond a multiple of 16"
    return value if isinstance(value, int | float | None) else str(value)


def run(direct: bool, target: str) -> dict[str, Any]:
    """What each kind of call launches, made three times, and how many launches were direct."""
    stand_in, found, directly = StandIn(TARGETS[target]), {}, 0
    launch = DirectLaunch.launch

    def counted(self: DirectLaunch, *given: Any) -> None:
        nonlocal directly
        directly += 1
        launch(self, *given)

    ways = [mock.patch.object(DirectLaunch, "launch", counted)]
    if not direct:
        ways.append(mock.patch.object(launch_kernel, "place_of_launches", return_value=None))
    with standing_in(stand_in), mock.patch.object(torch_device, "DEVICES", {"cpu"}):
        for way in ways:
            way.start()
        for call in launches.CALLS:
            torch.manual_seed(0)
            stand_in.launched = []
            for _ in range(3):
                call()
            found[call.__name__] = [
                [each.title, each.kernel, each.grid, each.device, each.stream]
                + [as_text(value, kind) for value, kind in zip(each.arguments, each.kinds, strict=True)]
                for each in stand_in.launched
            ]
        for way in ways:
            way.stop()
    return {"launched": found, "direct": directly}


KERNEL = """"A kernel of all kinds of arguments."

import triton
import triton.language as tl

@triton.jit(do_not_specialize=["count", "free"])
def kernel(first, other, elements: "i64", count: "i64", free, whole, factor: "fp32", BLOCK: tl.constexpr):
    places = tl.arange(0, BLOCK)
    value = tl.load(first + places) * factor + (elements + count + free + whole)
    if other is not None:
        value += tl.load(other + places)
    tl.store(first + places, value)
"""
NUMBERS = (0, 1, 2, 15, 16, 17, 32, -1, -16, 2**31 - 16, 2**31, 2**31 + 1, -(2**31), 2**40, 2**62)
TYPES = (torch.float32, torch.float16, torch.int64)


def drawn(target: str, count: int = 150) -> dict[str, Any]:
    """Draws launches; returns how many were direct, how many kernels they chose, and where Triton chooses another."""
    draw = random.Random(0)  # noqa: S311 - not a secret
    stand_in, wrong, kernels, directly = StandIn(TARGETS[target]), [], set(), 0
    kernel = build.load(KERNEL).kernel
    memory = {kind: torch.zeros(100, dtype=kind) for kind in TYPES}
    # More than AMD's kernels address by 32 bits; never touched.
    memory[torch.float16] = torch.empty(2**30 + 8, dtype=torch.float16)

    def array() -> Any:
        whole = memory[draw.choice(TYPES)]
        found = whole[draw.choice((0, 0, 1, 2, 4, 8, 16)) :]
        return torch.nn.Parameter(found) if found.is_floating_point() and draw.random() < 0.2 else found

    with standing_in(stand_in):
        for number in range(count):
            stand_in.device, stand_in.stream, programs = draw.randrange(2), draw.randrange(3), draw.randrange(1, 9)
            other = None if draw.random() < 0.3 else array()
            drawn = [draw.choice(NUMBERS) for _ in range(4)]
            drawn[2:] = [each if draw.random() < 0.5 else 16 for each in drawn[2:]]
            arguments, block = [array(), other, *drawn, draw.random()], draw.choice((16, 32))
            # Twice, so that one is not the first.
            for _ in range(2):
                launch_kernel.launch_kernel(torch_device, kernel, programs, arguments, BLOCK=block)
            assert stand_in.launched is not None
            *_, found = stand_in.launched
            directly += found.noticed is None
            kernel[(programs,)](*arguments, BLOCK=block, **launch_kernel.EXACT)
            expected = stand_in.launched[-1]._replace(noticed=found.noticed)
            kernels.add(found.function)
            if found != expected:
                wrong.append([number, str(found), str(expected)])
    return {"direct": directly, "kernels": len(kernels), "wrong": wrong}


def listened(target: str) -> dict[str, Any]:
    """Launches while somebody listens, and while nobody does; returns what hooks hear, and which are direct."""
    heard: list[str] = []
    kernel, stand_in = build.load(KERNEL).kernel, StandIn(TARGETS[target])
    arguments, runtime = [torch.zeros(100), None, 16, 3, 3, 3, 0.5], knobs.runtime

    def launch() -> bool:
        launch_kernel.launch_kernel(torch_device, kernel, 1, arguments, BLOCK=16)
        assert stand_in.launched is not None
        return stand_in.launched[-1].noticed is None

    def hear(metadata: Any) -> None:
        heard.append(metadata.get()["name"])

    def another(*given: Any, **named: Any) -> None:
        heard.append("another")

    with standing_in(stand_in):
        direct = [launch(), launch()]
        for hooks in (runtime.launch_enter_hook, runtime.launch_exit_hook):
            hooks.add(hear)
            direct.append(launch())
            hooks.remove(hear)
        direct.append(launch())
        kernel.add_pre_run_hook(lambda *given, **named: heard.append("before"))
        direct.append(launch())
        kernel.pre_run_hooks.clear()
        with mock.patch.object(runtime, "debug", True):
            direct += launch(), launch()
        with mock.patch.object(JITFunction, "run", another):
            launch()
        direct.append(launch())
        # Another driver knows nothing of what this one has loaded.
        other = StandIn(TARGETS[target])
        with standing_in(other):
            launch_kernel.launch_kernel(torch_device, kernel, 1, arguments, BLOCK=16)
        direct.append(launch())
    return {"heard": heard, "direct": direct}


def spilling(target: str) -> dict[str, Any]:
    """Launches of kernels that spill registers; returns how many were compiled, and which of them each launch runs."""
    found = {}
    for name, spills in (("fewer", [2, 0]), ("as many", [2, 2]), ("none", [])):
        kernel, stand_in = build.load(KERNEL + f"# {name}").kernel, StandIn(TARGETS[target])
        stand_in.spills = list(spills)
        with standing_in(stand_in):
            nowhere = mock.patch.object(launch_kernel, "place_of_launches", return_value=None)
            for way in (nullcontext(), nullcontext(), nowhere):
                with way:
                    arguments = [torch.zeros(64), None, 1, 2, 3, 4, 0.5]
                    launch_kernel.launch_kernel(torch_device, kernel, 1, arguments, BLOCK=16)
            assert stand_in.launched is not None
            found[name] = stand_in.loaded, [each.function for each in stand_in.launched]
    return found


WAYS = {
    "drawn": drawn,
    "listened": listened,
    "spilling": spilling,
    "direct": partial(run, True),
    "ordinary": partial(run, False),
}

if __name__ == "__main__":
    way, chosen = sys.argv[1:]
    json.dump(WAYS[way](chosen), sys.stdout)
