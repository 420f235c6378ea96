"""Packages that parts of the library need, where they are not installed, too old, or broken."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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


NEEDED = 'fusedstep.torch needs torch, not installed here; install it with: pip install "fusedstep[torch]"'
REACHING = ["import fusedstep.torch", "from fusedstep import torch", "import fusedstep; fusedstep.torch.Adam"]


@pytest.mark.parametrize("reach", REACHING)
def test_no_torch_is_said_with_its_extra(reach: str) -> None:
    done = python("-c", f"import sys; sys.modules['torch'] = None; {reach}")
    assert done.stderr.splitlines()[-1] == f"ImportError: {NEEDED}"


@pytest.mark.parametrize("reach", REACHING)
@pytest.mark.parametrize("version", ["2.9.1+cpu", "2.4.1", "1.13.0a0+git12"])
def test_a_torch_that_is_too_old_is_said(reach: str, version: str) -> None:
    old = f"import sys, types; old = sys.modules['torch'] = types.ModuleType('torch'); old.__version__ = {version!r}"
    done = python("-c", f"{old}; {reach}")
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: fusedstep.torch needs torch 2.10 or newer, found {version}; "
        'upgrade it with: pip install --upgrade "fusedstep[torch]"'
    )


@pytest.mark.parametrize(
    "error", ["OSError('libtorch.so is not there')", "ModuleNotFoundError('No module sympy', name='sympy')"]
)
def test_a_broken_torch_says_so_itself(tmp_path: Path, error: str) -> None:
    broken = f"import sys; sys.path.insert(0, {str(tmp_path)!r})"
    (tmp_path / "torch.py").write_text(f"raise {error}\n", encoding="utf-8")
    done = python("-c", f"{broken}; import fusedstep.torch")
    assert done.stderr.splitlines()[-1] == f"{error[: error.index('(')]}: {error.split(chr(39))[1]}"


@pytest.mark.parametrize("version", ["3.5.1", "3.3.0+git12", "2.3.1"])
def test_a_triton_that_is_too_old_is_said(version: str) -> None:
    pytest.importorskip("triton")
    old = f"import triton; triton.__version__ = {version!r}"
    done = python("-c", f"{old}; from fusedstep.codegen.gpu import build; build.mark()")
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: steps on a device need triton 3.6 or newer, found {version}, which rounds tiny numbers to zero; "
        'upgrade it with: pip install --upgrade "fusedstep[gpu]"'
    )


def test_no_triton_is_said_with_its_extra() -> None:
    script = "import sys; sys.modules['triton'] = None; from fusedstep.codegen.gpu import build; build.mark()"
    assert python("-c", script).stderr.splitlines()[-1] == (
        'ImportError: steps on a device need triton, not installed here; install it with: pip install "fusedstep[gpu]"'
    )


def test_what_needs_no_torch_works_without_it() -> None:
    done = python("-c", f"import sys; sys.modules['torch'] = None\n{STEPS}\nfs.mindspore, fs.DeferredRows, fs.words")
    assert (done.returncode, done.stderr) == (0, "")


ALONE = """
import sys
import pytest
sys.modules |= dict.fromkeys(["torch", "triton", "jax", "optax", "matplotlib", "rich", "sklearn", "atheris"])
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def test_what_make_quick_runs_needs_no_extra() -> None:
    (names,) = re.findall(r"^QUICK := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    files = [f"tests/{name.replace('/', '/test_')}.py" for name in names.replace("\\", "").split()]
    assert len(files) > 10
    command = [sys.executable, "-c", ALONE, *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
    assert set(files) == set(re.findall(r"^(tests/\w+/\w+\.py)::", done.stdout, re.MULTILINE))
