"""The subcommand that compiles kernels ahead."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fusedstep import rules
from fusedstep.cli import torch_warmup, warmup
from fusedstep.cli.main import main
from fusedstep.cli.subjects import subject
from fusedstep.operators import catalogue
from fusedstep.operators.operator import Operator
from fusedstep.storage import STORAGES


def kernels(folder: Path) -> int:
    return len(list(folder.glob("fusedstep_*.bin")))


def warmed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["warmup", *arguments]) == 0
    return capsys.readouterr().out


def test_what_is_warm_is_not_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEDSTEP_CACHE_DIR", str(tmp_path))
    # In a process of its own: this one has kernels in its memory.
    command = [sys.executable, "-m", "fusedstep", "warmup", "FusedSparseLazyAdam", "gradient_descent"]
    said = subprocess.run([*command, "--processes", "2"], check=True, capture_output=True, text=True).stdout
    assert said.startswith("kernels ready: 6, after ")
    assert str(tmp_path) in said
    assert kernels(tmp_path) >= 6
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.bin")}
    program = (
        "import numpy as np, fusedstep as fs\n"
        "states = [np.ones((8, 2), np.float32) for _ in range(3)]\n"
        "scalars = (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)\n"
        "fs.ops.FusedSparseLazyAdam()(*states, *scalars, np.ones((1, 2), np.float32), np.array([1]))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.bin")} == before


DEFERRED = """
import numpy as np, fusedstep as fs
from fusedstep.codegen.cpu import disk_cache
for name in {names}:
    operator = fs.Operator(getattr(fs.rules, name))
    for dtype in {dtypes}:
        shapes = [(40,) if kind == "row" else (40, 3) for kind in operator.spec.kinds if kind]
        states = iter([np.ones(shape, dtype) for shape in shapes])
        table = fs.DeferredRows(operator.rule, *[next(states) if kind else None for kind in operator.spec.kinds])
        scalars = dict.fromkeys(operator.signature.scalars, 0.5) | operator.signature.defaults
        for rows in ([1, 2, 2], [2, 3, 3], [1, 2], [9, 8]):
            table.step(np.ones((len(rows), 3), dtype), np.array(rows), **scalars)
        table.catch_up(np.array([4, 1]))
        table.step(np.ones((40, 3), dtype), np.arange(40), **scalars)
        table.step(np.ones((2, 3), dtype), np.array([7, 6]), **scalars)
        table.flush()
print(disk_cache.loaded > 20, disk_cache.made)
"""


def test_deferred_rows_find_all_that_they_run(tmp_path: Path) -> None:
    # With a closed form, without one, by rows, and with a state that the switches leave unused.
    names, dtypes = ["adam", "momentum", "lion", "rowwise_adagrad", "torch_adam"], ["float32", "float16"]
    environment = os.environ | {"FUSEDSTEP_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "fusedstep", "warmup", *names, "--dtype", *dtypes]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    program = DEFERRED.format(names=names, dtypes=dtypes)
    ended = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    assert ended.stdout.split() == ["True", "0"]


def test_every_operator_and_rule_can_be_warmed(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[str, str]] = []
    monkeypatch.setattr(Operator, "compile", lambda self, loop, states, gradient: compiled.append((self.name, loop)))
    for chosen in ([], [subject(name) for name in rules.__all__]):
        for _, task in warmup.kernel_tasks(chosen, list(STORAGES)):
            task()
    assert {name for name, _ in compiled} == {*catalogue.OPERATORS, *rules.__all__}
    assert set(compiled) == {
        (operator.name, loop)
        for name in (*catalogue.OPERATORS, *rules.__all__)
        for operator in [warmup.operator_of(subject(name))]
        for loop in operator.loops
    }


def test_every_optimizer_can_be_warmed() -> None:
    assert {"Adam", "FTRL", "RowwiseAdagrad", "SGD"} <= set(torch_warmup.names())
    for name in torch_warmup.names():
        torch_warmup.take_steps(name, "float32")


def test_optimizers_are_warmed_in_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUSEDSTEP_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(torch_warmup, "names", lambda: ["SGD"])
    assert warmed(capsys, "--torch").startswith("optimizers ready: 1, after ")
    assert kernels(tmp_path) >= 3


@pytest.mark.parametrize("arguments", [["NoOperator"], ["--dtype", "int8"], ["--processes", "0"]])
def test_what_cannot_be_warmed_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["warmup", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err
