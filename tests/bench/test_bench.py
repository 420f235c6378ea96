"""``fusedstep bench``: the whole path on tiny sizes, peers that fail, and what is kept and drawn."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from benchmarks import cpu

from fusedstep.bench import catalogue, environments, figures, measure, memory, plots, results
from fusedstep.bench.libraries import data
from fusedstep.bench.processes import Processes
from fusedstep.bench.race import Pace, Race
from fusedstep.bench.works import Moves, Work

DOCS = Path(__file__).parents[2] / "docs"
QUICK = Pace(rounds=2, warm_up=1)
# A run without the libraries that take long to import.
ALONE = {"fusedstep": sys.executable}
SPARSE = next(work for work in cpu.GROUPS["sparse"] if work.name == "FusedSparseLazyAdam").quick()


def silent(label, steps):
    """Is told how far a measurement is."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[results.Report, Path, str]:
    """A quick run of some works of every kind, its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("bench")
    names = ["fusedsparseadam", "dense-adam", "mostly-touched-backward", "deferred-adam", "small-SGD", "tiny-call"]
    options = [
        "--quick",
        "--sweep",
        "--rounds",
        "2",
        "--json",
        "all.json",
        "--plot",
        "pictures",
        "--save",
        "--results",
        "saved",
    ]
    command = [sys.executable, "-W", "error", "-m", "fusedstep", "bench", *names, *options]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return results.from_json((folder / "all.json").read_text(encoding="utf-8")), folder, done.stdout


def test_every_contender_that_is_there_was_timed(measured):
    report, _, _ = measured
    singles = {result.work: result for result in report.results if not result.swept}
    assert list(singles) == [
        "FusedSparseAdam",
        "dense-adam",
        "mostly-touched-backward",
        "deferred-adam",
        "small-SGD",
        "tiny-call",
    ]
    there = environments.pythons(environments.libraries(catalogue.GROUPS), {})
    for name, result in singles.items():
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


def test_sizes_are_swept_over(measured):
    report, _, _ = measured
    for name, values in measure.SWEEPS.items():
        found = [result for result in report.results if result.swept == name]
        assert len(found) == len(values)
        sizes = [result.size[name] for result in found]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1]


def test_the_tables_fit_a_narrow_terminal(measured):
    _, _, printed = measured
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    for words in (
        "FusedSparseAdam: Adam, every row",
        "median",
        "of limit",
        "streaming the same memory",
        "by batch",
        " x ",
    ):
        assert words in printed


def test_pictures_are_drawn(measured):
    _, folder, printed = measured
    drawn = {path.stem for path in (folder / "pictures").glob("*.png")}
    assert drawn == {"sparse", "dense", "optimizers", "calls", "FusedSparseAdam-sweep"}
    for path in (folder / "pictures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        assert path.stat().st_size > 10_000
        assert f"pictures/{path.name}" in printed


def test_what_is_saved_is_what_was_measured(measured):
    report, folder, _ = measured
    (file,) = (folder / "saved").iterdir()
    assert file.stem == results.slug(report)
    assert results.from_json(file.read_text(encoding="utf-8")) == report
    assert results.from_json(report.as_json()) == report
    assert json.loads(report.as_json())["machine"]["cpu"]


def test_a_later_run_replaces_its_own_works_only(measured, tmp_path):
    report, _, _ = measured
    results.save(report, tmp_path)
    first = report.results[0]
    again = replace(first, timings=(replace(first.timings[0], seconds=(1.0, 1.0)),))
    file = results.save(replace(report, results=(again,)), tmp_path)
    kept = results.from_json(file.read_text(encoding="utf-8"))
    assert [result for result in kept.results if result.work == first.work and not result.swept] == [again]
    assert len(kept.results) == len(report.results)
    results.save(replace(report, results=(again,), threads=report.threads + 1), tmp_path)
    assert results.from_json(file.read_text(encoding="utf-8")).results == (again,)


def test_the_page_on_performance_shows_what_is_saved(measured, tmp_path):
    pytest.importorskip("matplotlib")
    measured_page = page_writer()
    measured_page.write(tmp_path, saved=tmp_path)
    page = tmp_path / "measured" / "machines.md"
    assert "fusedstep bench --save" in page.read_text(encoding="utf-8")
    report, folder, _ = measured
    measured_page.write(tmp_path, saved=folder / "saved")
    text = page.read_text(encoding="utf-8")
    assert report.machine["cpu"] in text
    assert "| streaming the same memory |" in text
    assert "**FusedSparseAdam** by width" in text
    for picture in text.split("](")[1:]:
        assert (tmp_path / picture.partition(")")[0]).stat().st_size > 10_000


def page_writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measured", DOCS / "measured.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_work_that_does_not_fit_is_skipped(monkeypatch):
    monkeypatch.setattr(memory, "free", lambda: 10_000)
    with Processes(ALONE, 1) as processes:
        assert measure.measure(measure.Case(SPARSE), processes, QUICK, silent) is None
    (note,) = processes.notes
    assert note.startswith("FusedSparseLazyAdam is skipped: it needs about 0.0 GB of memory, and 0.0 GB are free")


def test_a_work_whose_first_contender_is_not_there_is_skipped():
    with Processes(ALONE, 1) as processes:
        task = measure.Case(catalogue.WORKS["small-SGD"].quick())
        assert measure.measure(task, processes, QUICK, silent) is None
    assert processes.notes == ["small-SGD is skipped: it needs torch in this environment"]


@pytest.mark.parametrize("work", [work for works in cpu.GROUPS.values() for work in works], ids=lambda work: work.name)
def test_works_are_whole(work: Work):
    labels = [contender.label for contender in work.contenders]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 29
    assert not work.contenders[0].library.peer
    for contender in work.contenders:
        text = contender.library.file.read_text(encoding="utf-8")
        assert f"def {contender.call}(" in text or f"\n{contender.call} = " in text


def test_a_checkout_adds_contenders_and_no_works():
    assert cpu.JOINING.keys() <= catalogue.WORKS.keys()
    assert environments.peers(catalogue.GROUPS) == ["torch"]
    assert sorted(environments.peers(cpu.GROUPS)) == ["fbgemm", "mindspore", "optax", "tensorflow", "torch"]
    for group, works in catalogue.GROUPS.items():
        assert [work.name for work in works] == [work.name for work in cpu.GROUPS[group]]


def test_the_command_of_a_checkout_names_what_is_missing():
    command = [sys.executable, "-W", "error", "-m", "benchmarks.cpu", "FusedSparseFtrl", "--quick", "--rounds", "1"]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=DOCS.parent, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "FusedSparseFtrl: FTRL, touched rows" in done.stdout
    there = environments.pythons(environments.libraries(cpu.GROUPS), {})
    for peer in environments.peers(cpu.GROUPS):
        assert (peer in done.stdout.partition("Not installed here:")[2]) == (peer not in there)


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
