"""``benchmarks/gpu.py``: all of it in Triton's interpreter, what it says without a GPU, and the bytes it counts."""

import importlib.util
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fusedstep as fs
from fusedstep.bench import figures, results
from fusedstep.bench.contenders import settings
from fusedstep.bench.contenders.steps import Step
from fusedstep.bench.contenders.tables import Size
from fusedstep.bench.gpu import formulas, race
from fusedstep.bench.gpu.least_bytes import least_bytes
from fusedstep.bench.gpu.race import COPY, Clock, Race
from fusedstep.bench.gpu.tables import bytes_needed, fitting
from fusedstep.bench.gpu.works import COMPILED, WORKS, Contender
from tests.bench.test_bench import page_writer
from tests.devices import INTERPRETED

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
ADAM = {"lr": settings.LR, "epsilon": settings.EPSILON, "beta1": settings.BETAS[0], "beta2": settings.BETAS[1]} | {
    "beta1_power": settings.BETAS[0],
    "beta2_power": settings.BETAS[1],
}
PROXIMAL = {"lr": settings.LR, "l1": settings.L1, "l2": settings.L2}
DENSE_ADAM = next(work for work in WORKS if work.name == "dense-adam")
ROWWISE = {"lr": settings.LR, "epsilon": settings.EPSILON}


def main() -> Callable[[], int]:
    """The script's own function, in this process."""
    spec = importlib.util.spec_from_file_location("gpu", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[], int] = module.main
    return found


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(SCRIPT), *arguments]
    environment = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_all_of_it_runs_in_the_interpreter(tmp_path: Path) -> None:
    for package in ("matplotlib", "triton"):
        pytest.importorskip(package)
    done = script("--interpret", "--results", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    # No time is believed, and the tables fit a narrow terminal.
    assert done.stdout.startswith("Interpreted on the CPU")
    assert max(map(len, done.stdout.partition("Kept:")[0].splitlines())) <= 80
    (kept,) = tmp_path.iterdir()
    assert kept.name == "triton-s-interpreter-quick.json"
    report = results.from_json(kept.read_text(encoding="utf-8"))
    assert report.quick
    assert {"torch", "triton", "cuda", "hip", "driver"} <= report.versions.keys()
    assert not [note for note in report.notes if "failed" in note]
    assert [result.work for result in report.results] == [work.name for work in WORKS]
    for work, result in zip(WORKS, report.results, strict=True):
        copy = [] if work.host else [COPY]
        assert [timing.label for timing in result.timings] == [*(each.label for each in work.contenders), *copy]
        assert all(len(timing.seconds) == report.rounds for timing in result.timings)
    page_writer().write(tmp_path, kept=tmp_path)
    text = (tmp_path / "measured" / "machines.md").read_text(encoding="utf-8")
    assert text.startswith("### Triton's interpreter\n")
    assert text.count(f"| {COPY} |") == len([work for work in WORKS if not work.host])


@pytest.mark.parametrize(
    ("options", "missing", "sentence"),
    [
        ([], "", "PyTorch finds no GPU on this machine"),
        (["--interpret", "dense-adam", "Fused"], "", "Fused: no work; expected some of copy, "),
        ([], "triton", "'benchmarks/gpu.py' needs triton, not installed here"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    options: list[str],
    missing: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu.py", *options])
    # The script sets it, too.
    monkeypatch.setenv("TRITON_INTERPRET", os.environ["TRITON_INTERPRET"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    if missing:
        monkeypatch.setitem(sys.modules, missing, None)
    assert main()() == 2
    printed, error = capsys.readouterr()
    assert printed == ""
    assert error.startswith(f"gpu.py: {sentence}")
    assert error.count("\n") == 1


@pytest.mark.gpu
@pytest.mark.skipif(INTERPRETED, reason="the interpreter has a run of its own; make test-gpu")
def test_a_small_run_on_a_device(device: str, tmp_path: Path) -> None:
    done = script("--rows", "100000", "--batch", "5000", "--rounds", "3", "--results", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (kept,) = tmp_path.iterdir()
    report = results.from_json(kept.read_text(encoding="utf-8"))
    assert not [note for note in report.notes if "failed" in note]
    assert report.machine["gpu"] == torch.cuda.get_device_name()


@pytest.mark.parametrize(
    ("rule", "rows", "expected"),
    [
        # Read var, m, v, grad; written var, m, v.
        (fs.rules.adam, "all", 100 * 8 * 4 * (4 + 3)),
        (fs.rules.proximal_adagrad, "all", 100 * 8 * 4 * (3 + 2)),
        (fs.rules.adam, "every", 100 * 8 * 4 * (3 + 3) + 10 * (8 * 4 + 8)),
        (fs.rules.adam, "touched", 7 * 8 * 4 * (3 + 3) + 10 * (8 * 4 + 8)),
        # The number of each row's last step, read and written.
        (fs.rules.adam, "deferred", 7 * (8 * 4 * (3 + 3) + 2 * 2) + 10 * (8 * 4 + 8)),
        (fs.rules.rowwise_adagrad, "touched", 7 * (8 * 4 + 4) * 2 + 10 * (8 * 4 + 8)),
    ],
)
def test_the_least_bytes_are_those_of_every_state_and_the_gradient(
    rule: Callable[..., Any], rows: str, expected: int
) -> None:
    assert least_bytes(rule, rows).total(Size(100, 8, 10), named=7) == expected


def test_half_as_wide_elements_are_half_the_bytes() -> None:
    wide, narrow = (least_bytes(fs.rules.adam, "all", storage) for storage in ("float32", "bfloat16"))
    assert (narrow.element, narrow.gradient) == (wide.element / 2, wide.gradient / 2)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_works_count_the_rows_that_are_named(work: Any) -> None:
    size = work.size(50, 4, 20)
    counted = least_bytes(work.rule, work.rows)
    assert counted.total(size, 0) <= work.least_bytes(size) <= counted.total(size, 20)
    assert (size.batch == 0) == (work.rows == "all")


@pytest.mark.parametrize(
    ("formula", "rule", "scalars", "rows"),
    [
        (formulas.adam, fs.rules.adam, ADAM, None),
        (formulas.proximal_adagrad, fs.rules.proximal_adagrad, PROXIMAL, None),
        (formulas.adam_of_every_row, fs.rules.adam, ADAM, "every"),
        (formulas.adam_of_touched_rows, fs.rules.adam, ADAM, "touched"),
        (formulas.rowwise_adagrad, fs.rules.rowwise_adagrad, ROWWISE, "touched"),
    ],
)
def test_what_is_compiled_computes_what_the_rule_does(
    formula: Callable[..., None], rule: Callable[..., Any], scalars: dict[str, float], rows: str | None
) -> None:
    random, operator = np.random.default_rng(3), fs.Operator(rule)
    kinds = operator.array_spec.kinds
    states = [random.random((30,) if kind == "row" else (30, 8), dtype=np.float32) for kind in kinds]
    indices = () if rows is None else (random.integers(0, 30, 12),)
    gradient = random.standard_normal((30 if rows is None else 12, 8), dtype=np.float32)
    others = [torch.from_numpy(state.copy()) for state in states]
    operator(*states, gradient, *indices, rows=rows or "touched", **scalars)
    formula(*others, torch.from_numpy(gradient), *map(torch.from_numpy, indices))
    for state, other in zip(states, others, strict=True):
        np.testing.assert_allclose(other.numpy(), state, rtol=1e-5, atol=1e-6)


def test_a_step_is_timed_by_events_behind_an_overwritten_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            told.append(f"recorded at {clock.one.sum().item():g}")

        def synchronize(self) -> None:
            told.append("waited")

        def elapsed_time(self, end: Any) -> float:
            assert end is not self
            return 2.5

    monkeypatch.setattr(torch.cuda, "Event", Event)
    clock = Clock("cpu", 64)
    clock.device = "cuda"
    clock.one.fill_(1.0)
    step = Step(lambda: told.append("run"), lambda: told.append("before"))
    assert clock.seconds(step) == 0.0025
    assert told == ["before", "recorded at 0", "run", "recorded at 0", "waited"]


def steps_that_fail(after: int) -> Iterator[Step]:
    """Steps of which only the first ones can be taken."""

    def fail() -> None:
        raise RuntimeError("out of\nmemory")

    for number in itertools.count():
        yield Step(fail if number >= after else int)


@pytest.mark.parametrize("after", [0, 4])
def test_a_contender_that_fails_is_told_of_in_its_row(after: int) -> None:
    clock = Clock("cpu", 64)
    contenders = (
        Contender("fine", "fusedstep", lambda tables: [Step(int)]),
        Contender("poor", "torch", lambda tables: steps_that_fail(after)),
    )
    work = replace(DENSE_ADAM, contenders=contenders)
    told: list[int] = []
    race = Race(work, work.size(4, 2, 2), clock)
    *_, result = race.run(3, lambda label, steps: told.append(steps))
    fine, poor, copied = result.timings
    assert [len(each.seconds) for each in result.timings] == [3, 0, 3]
    assert race.notes == ["dense-adam: poor failed: RuntimeError: out of memory"]
    assert sum(told) == 9
    assert figures.cells(result, poor) == ("failed", "", "", "", "")
    assert result.fraction(fine)
    assert copied.least_bytes == 2 * 64
    # Where ours has failed, nothing is compared with it.
    of_poor = replace(result, timings=(poor, fine, copied))
    assert figures.cells(of_poor, fine)[-1] == ""
    report = results.Report({"gpu": "A GPU 5"}, {}, "", 0, 3, (of_poor,))
    assert results.from_json(report.as_json()) == report
    assert results.slug(report) == "a-gpu-5"


def test_what_must_be_compiled_comes_last_and_not_at_all_when_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    contenders = (
        Contender("compiled", COMPILED, lambda tables: [Step(int)]),
        Contender("ours", "fusedstep", lambda tables: [Step(int)]),
    )
    work, clock = replace(DENSE_ADAM, contenders=contenders), Clock("cpu", 64)
    first, second = Race(work, work.size(4, 2, 2), clock).run(2, lambda label, steps: None)
    assert [each.label for each in first.timings] == ["ours", COPY]
    assert [each.label for each in second.timings] == ["compiled", "ours", COPY]
    *_, late = Race(work, work.size(4, 2, 2), clock).run(2, lambda label, steps: None, end=0.0)
    assert not any(each.seconds for each in late.timings)


def test_once_the_device_is_lost_nobody_else_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "is_lost", lambda: True)
    contenders = tuple(
        Contender(label, "torch", lambda tables, after=after: steps_that_fail(after))
        for label, after in (("first", 9), ("poor", 4), ("last", 9))
    )
    work = replace(DENSE_ADAM, contenders=contenders)
    held = Race(work, work.size(4, 2, 2), Clock("cpu", 64))
    *_, result = held.run(3, lambda label, steps: None)
    assert held.lost
    assert held.notes == ["dense-adam: poor failed: RuntimeError: out of memory"]
    assert [len(each.seconds) for each in result.timings] == [2, 0, 1, 1]


def test_a_table_is_halved_until_it_fits() -> None:
    needed = bytes_needed(Size(1 << 20, 64, 1 << 10))
    assert fitting(1 << 20, 64, 1 << 10, 2 * needed) == 1 << 20
    assert fitting(1 << 20, 64, 1 << 10, needed) == 1 << 19
    assert fitting(1 << 20, 64, 1 << 10, 0) == 1
