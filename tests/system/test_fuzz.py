"""A short run of the fuzzer; ``make fuzz`` is a longer one."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="the fuzzer has no build for this system")

ROOT = Path(__file__).parents[2]


def fuzzed(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "tests.programs.fuzz"]
    command = [*program, *options, "-seed=1", "-timeout=60", f"-artifact_prefix={folder}/"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)


@pytest.mark.parametrize(
    ("property_", "runs"),
    [
        ("operators", 100),
        *(
            pytest.param(name, 600, marks=pytest.mark.long)
            for name in ("operators", "deferred_rows", "torch_optimizers")
        ),
    ],
)
def test_a_short_run(property_: str, runs: int, tmp_path: Path) -> None:
    ended = fuzzed(tmp_path, property_, f"-runs={runs}")
    assert ended.returncode == 0, ended.stderr[-5000:]
    assert f"Done {runs} runs" in ended.stderr


def test_a_call_that_fails_is_found_and_kept(tmp_path: Path) -> None:
    program = (
        "import sys; from fusedstep.operators.checks import sparse_gradient as rows;"
        "rows.copy_indices = lambda *_: exit(3);"
        "sys.argv[0] = 'fuzz'; from tests.programs.fuzz import main; main(sys.argv)"
    )
    command = [sys.executable, "-c", program, "operators", "-runs=3000", f"-artifact_prefix={tmp_path}/"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert ended.returncode != 0
    (kept,) = tmp_path.iterdir()
    again = subprocess.run(
        [*command[:3], "operators", str(kept)], cwd=ROOT, capture_output=True, timeout=250, check=False
    )
    assert again.returncode != 0
    assert fuzzed(tmp_path, "operators", str(kept)).returncode == 0
