"""The way of a gradient from an operator's call to the kernels is short, and it has one name on the way."""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.runtime.cpu import loops, plain_step

PACKAGE = Path(fs.__file__).parent
MOST_CALLS = 8
# What takes any array, gradients among them.
ANY_ARRAY = ("arrays", "operators/checks")


def file_of(frame: FrameType) -> str:
    """A frame's file in the package; empty for other frames."""
    path = Path(frame.f_code.co_filename)
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else ""


def depth(frame: FrameType | None) -> int:
    """How many calls of functions of the package are under way."""
    found = 0
    while frame is not None:
        found += bool(file_of(frame))
        frame = frame.f_back
    return found


@pytest.mark.parametrize("way", ["plain", "checked"])
@pytest.mark.parametrize("name", ["FusedSparseAdam", "FusedSparseLazyAdam", "Adam"])
def test_a_gradient_takes_few_calls_to_the_kernels(name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "checked":
        monkeypatch.setattr(plain_step, "prepare_dense", lambda *_: None)
        monkeypatch.setattr(plain_step, "prepare_sparse", lambda *_: None)
    states = [np.ones((40, 3), np.float32) for _ in range(3)]
    gradient, indices = np.ones((40, 3), np.float32), np.array([3, 1, 3, 0, 7])
    arguments = (*states, 0.9, 0.999, 0.01, 0.9, 0.999, 1e-8)
    arguments = (*arguments, gradient) if name == "Adam" else (*arguments, gradient[:5].copy(), indices)
    gradient = arguments[9]
    operator = getattr(fs.ops, name)()
    operator(*arguments)
    depths: dict[str, int] = {}
    names: dict[tuple[str, str], set[str]] = {}
    loop, flat_step = loops.loop, loops.flat_step

    def noting(which: str, kernel: Any) -> Any:
        def run(*given: Any) -> Any:
            depths[which] = depth(sys._getframe(1))
            return kernel(*given)

        return run

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and file_of(frame) and not file_of(frame).startswith(ANY_ARRAY):
            for called, value in frame.f_locals.items():
                if value is gradient:
                    names.setdefault((file_of(frame), frame.f_code.co_name), set()).add(called)

    monkeypatch.setattr(loops, "loop", lambda which: noting(which, loop(which)))
    monkeypatch.setattr(loops, "flat_step", lambda: noting("flat_step", flat_step()))
    sys.setprofile(note)
    try:
        operator(*arguments)
    finally:
        sys.setprofile(None)
    assert names
    assert set().union(*names.values()) == {"gradient"}
    # Behind the operator's own call, whose arguments are a tuple.
    assert 1 + len(names) <= MOST_CALLS
    assert max(depths.values(), default=0) <= MOST_CALLS
    assert depths or name == "Adam"
