"""``fusedstep verify``: what it prints and what it refuses."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusedstep.cli import verify as command
from fusedstep.cli.main import main
from fusedstep.verify.outcome import Failure, Outcome
from tests.verify.test_verify import DENSE, SPARSE

pytestmark = pytest.mark.usefixtures("split_small")


def test_the_command_passes_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.json"
    words = ["verify", "fusedsparselazyadam", DENSE, "--dtype", "float32", "--processes", "1", "--json", str(file)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert f"numpy {np.__version__}" in said
    assert "\nin float32, each on 1, 2, 5" in said
    for name in (SPARSE, DENSE):
        [line] = [line for line in said.splitlines() if line.startswith(f"{name} ")]
        assert "3/3" in line
    assert "\n2 operators, " in said
    assert said.rstrip().endswith("all passed")
    assert max(map(len, said.splitlines()[1:])) <= 80
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content["passed"] is True
    assert content["versions"]["numpy"] == np.__version__
    assert content["versions"].keys() >= {"python", "fusedstep", "numba", "llvmlite", "ml_dtypes"}
    assert content["machine"]["cpu"]
    assert [(each["name"], each["passed"], each["failures"]) for each in content["outcomes"]] == [
        (SPARSE, True, []),
        (DENSE, True, []),
    ]
    assert content["outcomes"][0]["made"]["rule"] >= 3


def test_the_command_fails_and_says_how(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stub(groups: list[list[str]], *_: Any) -> Iterator[Outcome]:
        assert groups == [[SPARSE], [DENSE]]
        yield Outcome(DENSE, ended="crashed: signal 11 (SIGSEGV)")
        outcome = Outcome(SPARSE, near=["float32"])
        outcome.made.update(rule=12, calls=9)
        outcome.failures.append(Failure("rule", "float32, 5 threads", "var: 1.0", "2.0"))
        yield outcome

    monkeypatch.setattr(command, "outcomes", stub)
    assert main(["verify", SPARSE, DENSE]) == 1
    said = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert f"{SPARSE} 11/12 9/9 - ~ FAILED" in lines
    assert f"{DENSE} - - - crashed: signal 11 (SIGSEGV)" in lines
    assert "2 operators failed, 1 check" in said
    assert f"\n{SPARSE}, rule: float32, 5 threads\n  came      var: 1.0\n  expected  2.0\n" in said
    assert f"\n{DENSE} crashed: signal 11 (SIGSEGV)\n" in said
    assert main(["verify", SPARSE, DENSE, "--json", "-"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["passed"] is False
    assert [each["ended"] for each in content["outcomes"]] == ["", "crashed: signal 11 (SIGSEGV)"]
    assert content["outcomes"][0]["failures"][0]["expected"] == "2.0"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["FusedSparsAdam"], "similar names: FusedSparseAdam"),
        (["proximal_adagrad"], "is a rule, expected an operator; it is the rule of ApplyProximalAdagrad, Fused"),
        (["lion"], "'lion' is a rule, expected an operator"),
        (["--dtype", "int8"], "invalid choice"),
        (["--processes", "0"], "expected a whole number"),
        (["--json", "no/such/folder"], "expected a file in a folder that exists"),
    ],
)
def test_what_cannot_be_verified_is_refused(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["verify", *words])
    assert left.value.code == 2
    assert why in capsys.readouterr().err


def test_it_needs_no_extra(tmp_path: Path) -> None:
    # Found before those that are installed, by the workers too.
    for name in ("rich", "ml_dtypes", "torch"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('hidden', name={name!r})")
    there = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-W", "error", "-m", "fusedstep", "verify", DENSE, "--dtype"]
    options: dict[str, Any] = {"env": os.environ | {"PYTHONPATH": there}, "capture_output": True, "text": True}
    done = subprocess.run([*command, "bfloat16"], **options, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "can check none of these types: its NumPy arrays need ml_dtypes" in done.stderr
    done = subprocess.run([*command, "float32", "bfloat16"], **options, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "in float32, each" in done.stdout
    assert "bfloat16 is left out: its NumPy arrays need ml_dtypes" in done.stdout
