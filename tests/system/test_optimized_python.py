"""Everything under ``python -O``, which leaves assertions out, and ``-OO``, which leaves docstrings out too."""

import subprocess
import sys

import pytest

# Every name of every face is reached, and what is made of docstrings elsewhere.
FACES = """
import importlib
import numpy as np
import fusedstep as fs
for face in ("ops", "rules", "words", "jax", "torch", "mindspore", "mindspore.ops", "mindspore.nn"):
    module = importlib.import_module("fusedstep." + face)
    for name in {*dir(module), *getattr(module, "__all__", ())}:
        getattr(module, name)
missing = {cls.__doc__ is None for cls in map(fs.ops.__dict__.get, fs.ops.__all__)}
missing |= {getattr(fs.jax, name).__doc__ is None for name in fs.rules.__all__}
print(missing)
"""
STEPS = """
import numpy as np
import fusedstep as fs
var, accum, grad = np.ones((3, 2)), np.zeros((3, 2)), np.full((3, 2), 0.5)
fs.ops.ApplyGradientDescent()(var, 0.5, grad)
fs.Operator(fs.rules.momentum)(var, accum, grad, lr=0.5, momentum=0.5)
print(var.tolist())
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=240, check=False)


def said(*arguments: str) -> str:
    done = python(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("flag", "gone"), [pytest.param("-O", False, marks=pytest.mark.long), ("-OO", True)])
def test_every_face_without_assertions_and_docstrings(flag: str, gone: bool) -> None:
    pytest.importorskip("jax")
    pytest.importorskip("torch")
    assert said(flag, "-c", FACES).split("\n")[0] == str({gone})


@pytest.mark.parametrize("flag", ["-O", "-OO"])
def test_steps_without_assertions_and_docstrings(flag: str) -> None:
    assert said(flag, "-c", STEPS).strip() == str([[0.5, 0.5]] * 3)


@pytest.mark.parametrize(
    "arguments", ["ops", "ops FusedSparseAdam", "ops lamb", "ops FusedSparseAdam --source", "verify --help"]
)
def test_the_command_without_docstrings(arguments: str) -> None:
    done = python("-OO", "-m", "fusedstep", *arguments.split())
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 500
    told = "fusedstep: python -OO removes docstrings" in done.stderr
    assert told == (arguments.startswith("ops") and "--source" not in arguments)
