"""How a kernel is launched: the first launch, which compiles it, is told on a terminal."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from fusedstep.arrays import torch_device
from fusedstep.codegen import compile_notice
from fusedstep.runtime.gpu.launch_kernel import launch_kernel

pytest.importorskip("torch")
triton = pytest.importorskip("triton")


class Interpreted:
    """A kernel that is no function of Triton's compiler."""

    def __init__(self) -> None:
        self.launched: list[Any] = []

    def __getitem__(self, grid: tuple[int]) -> Callable[..., None]:
        return lambda *arguments, **known: self.launched.append((grid, arguments, known))


class Compiled(Interpreted, triton.JITFunction):
    """A kernel that Triton compiles."""


@pytest.mark.parametrize(("kernel", "told"), [(Compiled, 2), (Interpreted, 0)])
def test_the_first_launch_is_told(kernel: Any, told: int, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []

    def during(what: str, kept: Callable[[], str]) -> AbstractContextManager[None]:
        waits.append(f"{what}, {kept()}")
        return nullcontext()

    monkeypatch.setattr(compile_notice.notice, "during", during)
    made = kernel()
    for width in (4, 4, 8, 4):
        launch_kernel(torch_device, made, 3, [1, 2], WIDTH=width)
    assert [(grid, arguments) for grid, arguments, _ in made.launched] == [((3,), (1, 2))] * 4
    assert waits == ["a kernel for the device, once; cached in Triton's cache"] * told


def test_a_launch_that_fails_is_a_first_one_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []
    monkeypatch.setattr(compile_notice.notice, "during", lambda *_: waits.append(time.monotonic()) or nullcontext())
    made = Compiled()
    made.launched = None  # type: ignore[assignment]
    for _ in range(2):
        with pytest.raises(AttributeError):
            launch_kernel(torch_device, made, 1, [])
    assert len(waits) == 2


def of_stand_in(way: str, target: str) -> dict[str, Any]:
    """What ``direct_launches`` writes."""
    command = [sys.executable, "-W", "error", "-m", "tests.programs.direct_launches", way, target]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize("target", ["cuda", "hip"])
def test_direct_launches_are_those_of_triton(target: str) -> None:
    direct, ordinary = (of_stand_in(way, target) for way in ("direct", "ordinary"))
    assert direct["launched"] == ordinary["launched"]
    # Each call is made three times, and its kernels are compiled once.
    assert direct["direct"] > 80
    assert ordinary["direct"] == 0


@pytest.mark.parametrize("target", ["cuda", "hip"])
def test_the_kernel_is_the_one_that_triton_chooses(target: str) -> None:
    found = of_stand_in("drawn", target)
    assert not found["wrong"], found["wrong"][0]
    assert found["direct"] == 150
    assert found["kernels"] > 100


def test_a_kernel_that_spills_is_compiled_again() -> None:
    found = of_stand_in("spilling", "cuda")
    assert found == {"fewer": [2, [1, 2, 2]], "as many": [2, [1, 1, 1]], "none": [1, [1, 1, 1]]}
    # AMD's compiler has no such choice.
    assert {loaded for loaded, _ in of_stand_in("spilling", "hip").values()} == {1}


def test_whoever_listens_hears_each_launch() -> None:
    found = of_stand_in("listened", "cuda")
    # Hooks at the start and at the end, one of the kernel's own, and a function in the place of Triton's.
    assert found["heard"] == ["kernel", "kernel", "before", "another"]
    first, later, *listened, quiet, before, debug, again, after, last = found["direct"]
    assert not any((first, *listened, before, debug))
    assert all((later, quiet, again, after, last))
