"""``make bench``: sweeps, saved results and the page that shows them, and what only a checkout compares."""

import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from benchmarks import saved
from benchmarks.cpu import sweeps, works
from benchmarks.cpu.environments import peer

from fusedstep.bench import catalogue
from fusedstep.bench.processes import here
from fusedstep.bench.results import Report

ROOT = Path(__file__).parents[2]


def run(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "benchmarks.cpu", *words]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == status, done.stderr
    assert bool(done.stderr) == bool(status)
    return done


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path, str]:
    """A quick run with sweeps, the folder of its results, and what it printed."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("bench")
    files = ["--json", str(folder / "all"), "--plot", str(folder), "--save", "--results", str(folder)]
    printed = run("fusedsparseadam", "tiny-call", "--quick", "--sweep", "--rounds", "2", *files).stdout
    return saved.from_json((folder / "all").read_text(encoding="utf-8")), folder, printed


def test_pictures_of_sweeps_are_drawn(measured):
    _, folder, printed = measured
    assert {path.stem for path in folder.glob("*.png")} == {"sparse", "calls", "FusedSparseAdam-sweep"}
    assert f"Picture: {folder}/FusedSparseAdam-sweep.png" in printed


def test_sizes_are_swept_over(measured):
    report, _, printed = measured
    for name, values in sweeps.SIZES.items():
        found = [result for result in report.results if result.swept == name]
        assert len(found) == len(values)
        sizes = [result.size[name] for result in found]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1]
        assert f"FusedSparseAdam by {name}" in printed


def test_what_is_saved_is_what_was_measured(measured):
    report, folder, _ = measured
    (file,) = folder.glob("*.json")
    assert file.stem == saved.slug(report)
    assert saved.from_json(file.read_text(encoding="utf-8")) == report
    assert saved.from_json(report.as_json()) == report


def test_a_later_run_replaces_its_own_works_only(measured, tmp_path):
    report, _, _ = measured
    saved.save(report, tmp_path)
    first = report.results[0]
    again = replace(first, timings=(replace(first.timings[0], seconds=(1.0, 1.0)),))
    file = saved.save(replace(report, results=(again,)), tmp_path)
    kept = saved.from_json(file.read_text(encoding="utf-8"))
    assert [result for result in kept.results if result.work == first.work and not result.swept] == [again]
    assert len(kept.results) == len(report.results)
    saved.save(replace(report, results=(again,), threads=report.threads + 1), tmp_path)
    assert saved.from_json(file.read_text(encoding="utf-8")).results == (again,)


def test_the_page_on_performance_shows_what_is_saved(measured, tmp_path):
    pytest.importorskip("matplotlib")
    measured_page = page_writer()
    measured_page.write(tmp_path, saved=tmp_path)
    page = tmp_path / "measured" / "machines.md"
    assert "make bench BENCH=--save" in page.read_text(encoding="utf-8")
    report, folder, _ = measured
    measured_page.write(tmp_path, saved=folder)
    text = page.read_text(encoding="utf-8")
    assert report.machine["cpu"] in text
    assert "| streaming the same memory |" in text
    assert "**FusedSparseAdam** by width" in text
    for picture in text.split("](")[1:]:
        assert (tmp_path / picture.partition(")")[0]).stat().st_size > 10_000


def page_writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measured", ROOT / "docs" / "measured.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_checkout_adds_contenders_and_works():
    assert works.JOINING.keys() <= catalogue.WORKS.keys()
    assert sorted(works.PEERS) == ["fbgemm", "mindspore", "optax", "tensorflow", "torch", "torch.compile"]
    for group, few in catalogue.GROUPS.items():
        assert [work.name for work in few] == [work.name for work in works.GROUPS[group]]
    assert works.GROUPS.keys() - catalogue.GROUPS.keys() == {"startup"}


def test_works_of_startup_run():
    printed = run("further-rule", "first-call", "--quick", "--rounds", "1").stdout
    assert "further-rule: The first call of the next rule in a process" in printed
    assert "import numpy alone" in printed
    assert "failed" not in printed


def test_what_is_missing_is_named():
    printed = run("FusedSparseFtrl", "--quick", "--rounds", "1").stdout
    assert "FusedSparseFtrl: FTRL, touched rows" in printed
    named = re.split(r"[\s,;]+", printed.partition("Not installed here:")[2])
    for name in works.PEERS:
        assert (name in named) == (name not in here(works.LIBRARIES))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--peer", "torch"], "expected NAME=PYTHON with NAME one of torch"),
        (["--peer", "jax=python"], "expected NAME=PYTHON with NAME one of"),
        (["--peer", "torch=/no/such/python"], "/no/such/python is not a program"),
        (["--save", "--results", "no/such/folder"], "expected a folder"),
    ],
)
def test_options_are_refused_before_any_work(options, expected):
    done = run(*options, status=2)
    assert done.stdout == ""
    assert expected in done.stderr


def test_the_python_of_an_environment_is_taken(tmp_path):
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    assert peer(["torch"], f"torch={python}") == ("torch", str(python))
