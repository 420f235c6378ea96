"""``benchmarks/gpu``: all of it in Triton's interpreter, what it says without a GPU, and the bytes it counts."""

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
from benchmarks import saved
from benchmarks.gpu import __main__ as command
from benchmarks.gpu import device as device_module
from benchmarks.gpu import formulas, measure, steps
from benchmarks.gpu.device import COPY, Device
from benchmarks.gpu.least_bytes import least_bytes
from benchmarks.gpu.tables import Tables, bytes_needed, fitting
from benchmarks.gpu.works import COMPILED, FUSEDSTEP, NAMES, TORCH, GpuWork, works

import fusedstep as fs
from fusedstep.bench import figures, results
from fusedstep.bench.libraries import settings
from fusedstep.bench.libraries.data import Size
from fusedstep.bench.libraries.steps import Step
from fusedstep.bench.race import Pace, Race
from fusedstep.bench.works import Contender
from tests.devices import INTERPRETED
from tests.system.test_make_bench import page_writer

ROOT = Path(__file__).parents[2]
ADAM = {"lr": settings.LR, "epsilon": settings.EPSILON, "beta1": settings.BETAS[0], "beta2": settings.BETAS[1]} | {
    "beta1_power": settings.BETAS[0],
    "beta2_power": settings.BETAS[1],
}
PROXIMAL = {"lr": settings.LR, "l1": settings.L1, "l2": settings.L2}
ROWWISE = {"lr": settings.LR, "epsilon": settings.EPSILON}
PACE = Pace(3, warm_up=measure.WARM_UP)


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "benchmarks.gpu", *arguments]
    environment = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)


def test_all_of_it_runs_in_the_interpreter(tmp_path: Path) -> None:
    for package in ("matplotlib", "triton"):
        pytest.importorskip(package)
    whole = works(measure.TINY.rows, measure.TINY.width, measure.TINY.batch)
    done = script("--interpret", "--results", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    # No time is believed, and the tables fit a narrow terminal.
    assert done.stdout.startswith("Interpreted on the CPU")
    assert max(map(len, done.stdout.partition("Saved:")[0].splitlines())) <= 80
    (kept,) = tmp_path.iterdir()
    assert kept.name == "triton-s-interpreter-quick.json"
    report = saved.from_json(kept.read_text(encoding="utf-8"))
    assert report.quick
    assert {"torch", "triton", "cuda", "hip", "driver"} <= report.versions.keys()
    assert not [note for note in report.notes if "failed" in note]
    assert [result.work for result in report.results] == NAMES
    for work, result in zip(whole, report.results, strict=True):
        copy = [] if work.host else [COPY]
        assert [timing.label for timing in result.timings] == [*(each.label for each in work.contenders), *copy]
        assert all(len(timing.seconds) == report.rounds for timing in result.timings)
    page_writer().write(tmp_path, saved=tmp_path)
    text = (tmp_path / "measured" / "machines.md").read_text(encoding="utf-8")
    assert text.startswith("### Triton's interpreter\n")
    assert text.count(f"| {COPY} |") == len([work for work in whole if not work.host])


@pytest.mark.parametrize(
    ("options", "missing", "sentence"),
    [
        ([], "", "PyTorch finds no GPU on this machine"),
        (["--interpret", "dense-adam", "Fused"], "", "Fused: not a work; expected some of copy, "),
        ([], "triton", "'benchmarks.gpu' needs triton, not installed here"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    options: list[str],
    missing: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks.gpu", *options])
    # The command sets it, too.
    monkeypatch.setenv("TRITON_INTERPRET", os.environ["TRITON_INTERPRET"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    if missing:
        monkeypatch.setitem(sys.modules, missing, None)
    assert command.main() == 2
    printed, error = capsys.readouterr()
    assert printed == ""
    assert error.startswith(f"benchmarks.gpu: {sentence}")
    assert error.count("\n") == 1


@pytest.mark.gpu
@pytest.mark.skipif(INTERPRETED, reason="the interpreter has a run of its own; make test-gpu")
def test_a_small_run_on_a_device(device: str, tmp_path: Path) -> None:
    done = script("--rows", "100000", "--batch", "5000", "--rounds", "3", "--results", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (kept,) = tmp_path.iterdir()
    report = saved.from_json(kept.read_text(encoding="utf-8"))
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
    assert least_bytes(rule, rows).total(Size(100, 8, 10), distinct=7) == expected


def test_a_gradient_of_bags_has_a_row_for_each_bag() -> None:
    counted = least_bytes(fs.rules.adam, "touched").total(Size(100, 8, 10), distinct=7, bag=4)
    assert counted == 7 * 8 * 4 * (3 + 3) + 3 * 8 * 4 + 10 * 8


def test_half_as_wide_elements_are_half_the_bytes() -> None:
    wide, narrow = (least_bytes(fs.rules.adam, "all", storage) for storage in ("float32", "bfloat16"))
    assert (narrow.element, narrow.gradient) == (wide.element / 2, wide.gradient / 2)


@pytest.mark.parametrize("work", works(50, 4, 20), ids=lambda work: work.name)
def test_works_count_the_rows_that_are_named(work: GpuWork) -> None:
    size, contender = work.size, Contender("ours", FUSEDSTEP, "")
    counted, least = least_bytes(work.rule, work.rows), work.least_bytes(contender)
    assert (
        least is None
        if work.host
        else (counted.total(size, 0, work.bag) <= (least or 0) <= counted.total(size, 20, work.bag))
    )
    assert (size.batch == 0) == (work.rows == "all")


def test_works_of_a_fixed_size_shrink_with_the_table() -> None:
    small, large = ({work.name: work.size for work in works(rows, 4, 20)} for rows in (50, 1_000))
    assert (small["host-sparse"], large["host-sparse"]) == (Size(50, 4, 20), Size(64, 64, 64))
    assert (small["small-tensors"], large["small-tensors"]) == (Size(50, 4), Size(200, 1024))
    assert small["copy"] == large["copy"] == Size(1, 1)


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


def test_contenders_of_bags_take_the_same_step() -> None:
    found = []
    for prepare in (steps.bags, steps.expanded_bags):
        torch.manual_seed(5)
        tables = Tables(Size(30, 8, 50), "cpu")
        before = tables.states[0].clone()
        for step in prepare(tables, "FusedSparseLazyAdam", bag=20):
            step.run()
        assert not torch.equal(tables.states[0], before)
        found.append(tables.states)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_a_step_is_timed_by_events_behind_an_overwritten_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            told.append(f"recorded at {device.one.sum().item():g}")

        def synchronize(self) -> None:
            told.append("waited")

        def elapsed_time(self, end: Any) -> float:
            assert end is not self
            return 2.5

    monkeypatch.setattr(torch.cuda, "Event", Event)
    device = Device("cpu", 64)
    device.name = "cuda"
    device.one.fill_(1.0)
    step = Step(lambda: told.append("run"), lambda: told.append("before"))
    assert device.timed(step) == 0.0025
    assert told == ["before", "recorded at 0", "run", "recorded at 0", "waited"]


def steps_that_fail(after: int) -> Iterator[Step]:
    """Steps of which only the first ones can be taken."""

    def fail() -> None:
        raise RuntimeError("out of\nmemory")

    for number in itertools.count():
        yield Step(fail if number >= after else int)


def work_of(*contenders: Contender) -> GpuWork:
    """A small work."""
    return GpuWork("dense-adam", "Adam", Size(4, 2), contenders)


def race_of(work: GpuWork, device: Device, pace: Pace = PACE, told: list[int] | None = None) -> Race:
    """Its race, beside a copy."""
    steps = [] if told is None else told
    return Race(work, [*work.contenders, device.copying()], device, pace, lambda label, count: steps.append(count))


@pytest.mark.parametrize("after", [0, 4])
def test_a_contender_that_fails_is_reported_in_its_row(after: int) -> None:
    work = work_of(
        Contender("fine", FUSEDSTEP, lambda tables: [Step(int)]),
        Contender("poor", TORCH, lambda tables: steps_that_fail(after)),
    )
    told: list[int] = []
    race = race_of(work, Device("cpu", 64), told=told)
    *_, result = race.run()
    fine, poor, copied = result.timings
    assert [len(each.seconds) for each in result.timings] == [3, 0, 3]
    assert race.notes == ["dense-adam: poor failed: RuntimeError: out of memory"]
    assert sum(told) == 9
    assert figures.cells(result, poor) == ("failed", "", "", "", "")
    assert result.fraction(fine)
    assert copied.least_bytes == 2 * 64
    # Nothing is compared with a first contender that failed.
    of_poor = replace(result, timings=(poor, fine, copied))
    assert figures.cells(of_poor, fine)[-1] == ""
    report = results.Report({"gpu": "A GPU 5"}, {}, "", 0, 3, (of_poor,))
    assert saved.from_json(report.as_json()) == report
    assert saved.slug(report) == "a-gpu-5"


def test_slow_contenders_come_last_and_not_at_all_when_time_is_up() -> None:
    work = work_of(
        Contender("compiled", COMPILED, lambda tables: [Step(int)], slow=True),
        Contender("ours", FUSEDSTEP, lambda tables: [Step(int)]),
    )
    first, second = race_of(work, Device("cpu", 64)).run()
    assert [each.label for each in first.timings] == ["ours", COPY]
    assert [each.label for each in second.timings] == ["compiled", "ours", COPY]
    *_, late = race_of(work, Device("cpu", 64), replace(PACE, end=0.0)).run()
    assert not any(each.seconds for each in late.timings)


def test_once_the_device_is_lost_nobody_else_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "is_lost", lambda: True)
    contenders = [
        Contender(label, TORCH, lambda tables, after=after: steps_that_fail(after))
        for label, after in (("first", 9), ("poor", 4), ("last", 9))
    ]
    device = Device("cpu", 64)
    race = race_of(work_of(*contenders), device)
    *_, result = race.run()
    assert device.lost
    assert race.notes == ["dense-adam: poor failed: RuntimeError: out of memory"]
    assert [len(each.seconds) for each in result.timings] == [2, 0, 1, 1]


def test_a_table_is_halved_until_it_fits() -> None:
    needed = bytes_needed(Size(1 << 20, 64, 1 << 10))
    assert fitting(1 << 20, 64, 1 << 10, 2 * needed) == 1 << 20
    assert fitting(1 << 20, 64, 1 << 10, needed) == 1 << 19
    assert fitting(1 << 20, 64, 1 << 10, 0) == 1
