"""``fusedstep bench``: the whole path on tiny sizes, and what is written and drawn."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.cpu import works as checkout
from benchmarks.saved import from_json

from fusedstep.bench import catalogue, figures, measure, memory, plots, results
from fusedstep.bench.libraries import data
from fusedstep.bench.processes import Processes, here
from fusedstep.bench.race import Pace, Race
from fusedstep.bench.works import Moves, Work

QUICK = Pace(rounds=2, warm_up=1)
# A run without the libraries that take long to import.
ALONE = {"fusedstep": sys.executable}
SPARSE = next(work for work in checkout.GROUPS["sparse"] if work.name == "FusedSparseLazyAdam").quick()


def silent(label, steps):
    """Is told how far a measurement is."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[results.Report, Path, str]:
    """A quick run of some works of every kind, its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("bench")
    names = [
        "fusedsparseadam",
        "dense-adam",
        "mostly-touched-backward",
        "deferred-adam",
        "small-SGD",
        "tiny-call",
        "bags",
    ]
    options = ["--quick", "--rounds", "2", "--json", "all.json", "--plot", "pictures"]
    command = [sys.executable, "-W", "error", "-m", "fusedstep", "bench", *names, *options]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return from_json((folder / "all.json").read_text(encoding="utf-8")), folder, done.stdout


def test_every_contender_that_is_there_was_timed(measured):
    report, _, _ = measured
    found = {result.work: result for result in report.results}
    assert list(found) == [
        "FusedSparseAdam",
        "dense-adam",
        "mostly-touched-backward",
        "deferred-adam",
        "small-SGD",
        "tiny-call",
        "bags",
    ]
    there = here(catalogue.LIBRARIES)
    for name, result in found.items():
        work = catalogue.WORKS[name]
        expected = [each.label for each in work.contenders if each.library.name in there]
        assert [timing.label for timing in result.contenders] == expected
        assert (result.streaming is not None) == bool(work.states)
        for timing in result.timings:
            assert len(timing.seconds) == 2
            assert all(seconds > 0 for seconds in timing.seconds)
    assert report.notes == ()
    assert report.quick
    assert report.versions["fusedstep"]
    assert json.loads(report.as_json())["machine"]["cpu"]


def test_the_tables_fit_a_narrow_terminal(measured):
    _, _, printed = measured
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    for words in (
        "FusedSparseAdam: Adam, every row",
        "median",
        "of limit",
        "streaming the same memory",
        " x ",
        "forward",
        "faults",
        "equal",
    ):
        assert words in printed


def test_pictures_are_drawn(measured):
    _, folder, printed = measured
    assert {path.name for path in (folder / "pictures").iterdir()} == {
        "sparse.png",
        "dense.png",
        "optimizers.png",
        "calls.png",
        "training.png",
    }
    for path in (folder / "pictures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        assert path.stat().st_size > 10_000
        assert f"pictures/{path.name}" in printed


def test_a_work_that_does_not_fit_is_skipped(monkeypatch):
    monkeypatch.setattr(memory, "free", lambda: 10_000)
    with Processes(ALONE, 1) as processes:
        assert measure.measure(SPARSE, processes, QUICK, silent) is None
    (note,) = processes.notes
    assert note.startswith("FusedSparseLazyAdam is skipped: it needs about 0.0 GB of memory, and 0.0 GB are free")


def test_a_work_whose_first_contender_is_not_there_is_skipped():
    with Processes(ALONE, 1) as processes:
        assert measure.measure(catalogue.WORKS["small-SGD"].quick(), processes, QUICK, silent) is None
    assert processes.notes == ["small-SGD is skipped: it needs torch in this environment"]


@pytest.mark.parametrize(
    "work", [work for works in checkout.GROUPS.values() for work in works], ids=lambda work: work.name
)
def test_works_are_whole(work: Work):
    labels = [contender.label for contender in work.contenders]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 29
    assert not work.contenders[0].library.peer
    for contender in work.contenders:
        text = contender.library.file.read_text(encoding="utf-8")
        assert f"def {contender.call}(" in text or f"\n{contender.call} = " in text


def test_the_least_bytes_are_those_of_the_rows_that_take_the_step():
    size = data.Size(100, 4, 10, law="uniform", batches=1)
    named = len(np.unique(data.indices(size)[0]))
    work = Work("a", "b", size, (), states=3)
    assert work.moves() == Moves(3, 100 * 4 * 4, 100 * 4 * 4)
    assert replace(work, rows="every").moves() == Moves(3, 100 * 4 * 4, 10 * (4 * 4 + 4))
    assert replace(work, rows="touched").moves() == Moves(3, named * 4 * 4, 10 * (4 * 4 + 4))
    assert replace(work, rows="every").moves(2).total == 2 * 3 * 100 * 4 * 2 + 10 * (4 * 2 + 4)
    assert replace(work, states=0).moves() is None


def test_figures_of_a_result():
    timings = (
        results.Timing("ours", "fusedstep", (0.02, 0.01, 0.03), 10**9),
        results.Timing("theirs", "torch", (0.04, 0.04, 0.04), 10**9),
        results.Timing("limit", results.STREAMING, (0.01, 0.01, 0.01), 10**9),
    )
    result = results.Result("a", "b", {"rows": 1, "width": 1, "batch": 0}, timings)
    assert figures.cells(result, timings[0]) == ("20.0 ms", "15.0 to 25.0", "50.0", "50%", "")
    assert figures.cells(result, timings[1]) == ("40.0 ms", "40.0 to 40.0", "25.0", "25%", "2.00 x")
    assert figures.cells(result, timings[2]) == ("10.0 ms", "10.0 to 10.0", "100", "", "")


def test_the_bars_are_the_medians():
    pytest.importorskip("matplotlib")
    timings = (
        results.Timing("ours", "fusedstep", (0.02, 0.01, 0.03), 10**9),
        results.Timing("limit", results.STREAMING, (0.01, 0.01, 0.01), 10**9),
    )
    (axes,) = plots.bars([results.Result("a", "b", {"rows": 1, "width": 1, "batch": 0}, timings)]).axes
    (bar,) = axes.patches
    assert bar.get_width() == pytest.approx(20.0)
    assert any(np.allclose(line.get_xdata(), 10.0) for line in axes.lines)


def test_a_slow_contender_rests():
    contender = SPARSE.contenders[0]
    race = Race(SPARSE, [contender], Processes({}, 1), QUICK, silent)
    race.times[contender.label] = [3.0] * 4
    assert not race.rests(contender)
    race.times[contender.label] = [3.0] * 5
    assert race.rests(contender)
    patient = Race(SPARSE, [contender], Processes({}, 1), replace(QUICK, limit=16.0), silent)
    patient.times[contender.label] = [3.0] * 5
    assert not patient.rests(contender)
