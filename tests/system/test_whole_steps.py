"""The README's picture of whole steps: what is compared, and how it is drawn."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fusedstep.bench import catalogue
from fusedstep.bench.results import Report, Result, Timing

pytest.importorskip("matplotlib")

from benchmarks import whole_steps

ROOT = Path(__file__).parents[2]


def result_of(name: str, **seconds: float) -> Result:
    """A result of a work whose contenders all take a second, but those that are named."""
    work = catalogue.WORKS[name]
    timings = tuple(
        Timing(
            each.label,
            each.library.name,
            (time,),
            phases={"zero": (0.0,), "forward": (time / 4,), "step": (3 * time / 4,)},
            faults=(0,),
            losses=(1.0,),
            like=each.like,
        )
        for each in work.contenders
        for time in [seconds.get(each.label.replace(" ", "_"), 1.0)]
    )
    return Result(name, work.title, vars(work.size), timings)


def report_of(*results: Result) -> Report:
    return Report({"cpu": "A CPU", "cores": 2, "system": "Linux"}, {"numpy": "2"}, "2026-01-01", 2, 1, results)


@pytest.mark.parametrize("name", whole_steps.WORKS)
def test_pairs_are_of_the_family_of_adam_and_have_equal_losses(name: str) -> None:
    found = list(whole_steps.pairs(result_of(name)))
    assert [ours.label for _, ours in found] == ["fusedstep SparseAdam", "fusedstep Adam, deferred"]
    assert all(ours.like == theirs.label for theirs, ours in found)
    assert {theirs.library for theirs, _ in found} == {"torch"}


def test_what_was_not_timed_is_not_compared() -> None:
    result = result_of("bags")
    without = replace(
        result,
        timings=tuple(
            replace(each, seconds=()) if each.label == "torch SparseAdam" else each for each in result.timings
        ),
    )
    assert [theirs.label for theirs, _ in whole_steps.pairs(without)] == ["torch Adam fused, dense"]
    assert not list(whole_steps.figures(report_of(replace(result, timings=result.timings[:1]))))
    assert not list(whole_steps.figures(report_of(result_of("skip-gram"))))


def test_a_bar_says_how_many_times_as_fast_it_is() -> None:
    result = result_of("node2vec", torch_SparseAdam=0.3, fusedstep_SparseAdam=0.1)
    ((name, figure),) = whole_steps.figures(report_of(result))
    assert name == "whole-steps"
    (axes,) = figure.axes
    widths = [bar.get_width() for bar in axes.patches[:4]]
    assert widths == pytest.approx([300, 100, 1_000, 1_000])
    # Then the phases, one upon the other.
    phases = [end for bar in axes.patches[4:7] for end in (bar.get_x(), bar.get_width())]
    assert phases == pytest.approx([0, 0, 0, 75, 75, 225])
    said = [text.get_text() for text in axes.texts]
    assert [words.strip() for words in said] == ["300 ms", "100 ms   3.0 x as fast", "1.00 s", "1.00 s   1.0 x as fast"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["zero", "forward", "step"]


def test_it_is_read_on_a_dark_page_too() -> None:
    figure: Any = whole_steps.draw([result_of("bags")])
    assert figure.get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert figure.get_frameon()


def test_the_newest_result_is_drawn(tmp_path: Path) -> None:
    for date in ("2026-01-03", "2026-01-02"):
        report = replace(report_of(result_of("bags"), result_of("click")), date=date)
        (tmp_path / f"{date}.json").write_text(report.as_json(), encoding="utf-8")
    (tmp_path / "other.json").write_text(report_of().as_json(), encoding="utf-8")
    found = whole_steps.newest(tmp_path.glob("*.json"))
    assert found is not None
    assert found.date == "2026-01-03"
    assert whole_steps.newest([tmp_path / "other.json"]) is None


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text(report_of().as_json(), encoding="utf-8")
    command = [sys.executable, "-W", "error", "-m", "benchmarks.whole_steps", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "make bench BENCH=--save" in done.stderr
