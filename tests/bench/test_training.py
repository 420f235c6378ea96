"""Works of training: phases, page faults and losses, and contenders that must have equal ones."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from benchmarks import saved
from benchmarks.cpu import works as checkout

from fusedstep.bench import catalogue, losses, measure, plots, tables
from fusedstep.bench.catalogue.contenders import FUSEDSTEP, TORCH
from fusedstep.bench.figures import size
from fusedstep.bench.grids import grids, legend
from fusedstep.bench.libraries import data
from fusedstep.bench.processes import Processes, here
from fusedstep.bench.race import FailedError, Pace
from fusedstep.bench.results import Report, Result, Timing
from fusedstep.bench.training import Trained, TrainingRace, TrainingWork
from fusedstep.bench.works import Contender
from fusedstep.cli import bench
from tests.bench.test_bench import silent

SIZE = data.Size(50, 4, 6, tables=3, ids=5, batches=2)
OURS = Contender("ours", FUSEDSTEP, "", like="theirs")
THEIRS = Contender("theirs", TORCH, "")
WORK = TrainingWork("bags", "A model", SIZE, (OURS, THEIRS))
PACE = Pace(rounds=3, warm_up=2)


class Told:
    """A course whose steps are told: each phase of step n takes n seconds, and its loss is 1 / n."""

    def __init__(self, phases: tuple[str, ...] = ("forward", "backward"), fails_at: int = 100) -> None:
        self.phases, self.fails_at, self.number = phases, fails_at, {"ours": 0, "theirs": 0}

    def prepare(self, work: Any, contender: Contender) -> None:
        pass

    def can_run(self, contender: Contender) -> bool:
        return True

    def seconds(self, work: Any, contender: Contender) -> float:
        raise AssertionError("steps of training are timed by phases")

    def train(self, contender: Contender) -> Trained:
        self.number[contender.label] += 1
        number = self.number[contender.label]
        if contender == OURS and number == self.fails_at:
            raise FailedError("out of memory")
        return Trained(dict.fromkeys(self.phases, float(number)), 10 * number, 1 / number)


def result_of(course: Any) -> Result:
    *_, result = TrainingRace(WORK, WORK.contenders, course, PACE, silent).run()
    return result


def with_losses(*found: tuple[float, ...]) -> Result:
    """A result whose contenders have these losses."""
    timings = [
        Timing(
            each.label, each.library.name, (0.1,), phases={"forward": (0.1,)}, faults=(0,), losses=own, like=each.like
        )
        for each, own in zip(WORK.contenders, found, strict=True)
    ]
    return Result("bags", "A model", {"rows": 1, "width": 1, "batch": 0}, tuple(timings))


def report_of(result: Result) -> Report:
    return Report({"cpu": "A CPU", "cores": 2, "system": "Linux"}, {"numpy": "2"}, "2026-01-01", 2, 3, (result,))


def test_each_phase_of_the_timed_steps_is_kept_and_the_loss_of_every_step():
    timing, _ = result_of(Told()).timings
    assert timing.seconds == (6.0, 8.0, 10.0)
    assert timing.phases == {"forward": (3.0, 4.0, 5.0), "backward": (3.0, 4.0, 5.0)}
    assert timing.faults == (30, 40, 50)
    assert timing.losses == (1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 5)
    assert timing.like == "theirs"


@pytest.mark.parametrize("step", [1, 4])
def test_a_contender_that_fails_has_no_times_and_no_losses(step):
    ours, theirs = (result := result_of(Told(fails_at=step))).timings
    assert (ours.seconds, ours.phases, ours.losses) == ((), {}, ())
    assert len(theirs.seconds) == 3
    assert grids(result) == [
        [
            ("milliseconds", "forward", "backward", "all", "quartiles", "faults"),
            ("ours", "", "", "failed", "", ""),
            ("theirs", "4000", "4000", "8000", "7000 to 9000", "40"),
        ]
    ]


def test_phases_that_a_contender_does_not_have_are_empty():
    result = result_of(Told())
    whole = replace(result.timings[1], phases={"zero": (0.001,) * 3, "forward": (0.002,) * 3, "step": (0.0345,) * 3})
    (training, _) = grids(replace(result, timings=(whole, result.timings[0])))
    assert training[0] == ("milliseconds", "zero", "forward", "step", "backward", "all", "quartiles", "faults")
    assert training[1][1:5] == ("1.00", "2.00", "34.5", "")
    assert training[2][1:5] == ("", "4000", "", "4000")


def test_what_is_saved_is_what_was_measured():
    report = report_of(result_of(Told()))
    assert saved.from_json(report.as_json()) == report


def test_equal_losses_are_said_to_be_equal():
    result = with_losses((2.0, 1.0), (2.0, 1.000001, 0.7))
    assert losses.differing(result) == []
    assert grids(result)[1] == [
        ("losses", "first", "last", "differ", "", "from those of"),
        ("ours", "2", "1", "1e-06", "equal", "theirs"),
    ]
    assert bench.status(report_of(result)) == 0


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ((2.0, 1.0), (2.0, 1.0001), "1.0e-04"),
        ((2.0, 1.0), (2.00003, 1.0), "1.5e-05"),
        ((2.0, math.nan), (2.0, 1.0), "nan"),
        ((2.0, 1.0), (2.0, math.nan), "nan"),
        ((math.nan, 1.0), (2.0, 1.0), "nan"),
        ((2.0, math.inf), (2.0, 1.0), "inf"),
        ((2.0, 1.0), (2.0, 0.0), "inf"),
    ],
)
def test_other_losses_fail(ours, theirs, expected):
    result = with_losses(ours, theirs)
    assert losses.differing(result) == [
        f"bags: the losses of ours are not those of theirs: they differ by {expected} of them"
    ]
    assert grids(result)[1][1][-2:] == ("failed", "theirs")
    assert bench.status(report_of(result)) == 1


def test_losses_are_compared_with_those_of_contenders_that_were_timed():
    result = with_losses((2.0,), ())
    assert list(losses.compared(result)) == []
    assert len(grids(result)) == 1


def test_a_bar_is_divided_among_its_phases():
    pytest.importorskip("matplotlib")
    result = result_of(Told())
    short = replace(result.timings[1], phases={"backward": (1.0, 9.0, 9.0)})
    (axes,) = plots.bars([replace(result, timings=(result.timings[0], short))]).axes
    ours, theirs, *phases = axes.patches
    assert (ours.get_width(), theirs.get_width()) == (8.0, 8.0)
    assert [(each.get_x(), each.get_width()) for each in phases] == [(0.0, 4.0), (4.0, 4.0), (0.0, 0.0), (0.0, 8.0)]
    assert "from dark to light: forward, backward" in axes.get_title(loc="left")


@pytest.mark.parametrize("work", checkout.GROUPS["training"], ids=lambda work: work.name)
def test_the_widest_table_fits_a_narrow_terminal(work):
    timings = tuple(
        Timing(
            each.label,
            each.library.name,
            (0.0998, 0.123),
            phases=dict.fromkeys(("zero", "forward", "backward", "step"), (0.1001, 0.123)),
            faults=(123_456, 123_456),
            losses=(1.23456, 0.00123456),
            like=each.like,
        )
        for each in work.contenders
    )
    result = Result(work.name, work.title, vars(work.size), timings)
    assert max(map(len, tables.single(result).splitlines())) <= 80


def test_sizes_are_told_in_words():
    found = {work.name: size(vars(work.size)) for work in catalogue.GROUPS["training"]}
    assert found["bags"] == "8 tables of 200,000 x 32, 2,048 bags of 20 ids"
    assert found["click"] == "26 tables of 3 to 1,000,000 x 16, 2,048 ids each"
    assert not any("{" in words for words in found.values())


def test_a_legend_tells_of_the_columns_that_are_there():
    plain = replace(with_losses((1.0,), (1.0,)), timings=(Timing("a", "fusedstep", (0.1,)),))
    training = with_losses((1.0,), (1.0,))
    one, other = (legend(report_of(each)) for each in (plain, training))
    assert one.startswith("GB/s")
    assert other.startswith("Training")
    assert legend(replace(report_of(plain), results=(plain, training))) == f"{one} {other}"


def test_bags_stand_together_and_follow_the_law():
    size = data.Size(1_000, 2, 400, tables=3, ids=10, batches=2)
    first, second = data.ids(size)
    assert [ids.shape for ids in first] == [(4_000,)] * 3
    assert {ids.dtype for ids in first} == {np.dtype(np.int64)}
    assert not any(np.array_equal(one, other) for one, other in zip(first, [*first[1:], second[0]], strict=True))
    counts = np.sort(np.bincount(np.concatenate([*first, *second]), minlength=1_000))[::-1]
    weights = np.arange(1, 1_001) ** -1.2
    assert counts[:3] / 24_000 == pytest.approx(weights[:3] / weights.sum(), rel=0.1)
    assert all(np.array_equal(one, other) for one, other in zip(first, data.ids(size)[0], strict=True))


def test_lengths_of_tables_grow_by_one_factor():
    size = data.Size(1_000_000, 16, 2_048, tables=26, shortest=3)
    lengths = data.lengths(size)
    assert (lengths[0], lengths[-1], len(lengths)) == (3, 1_000_000, 26)
    assert lengths == sorted(set(lengths))
    assert data.lengths(replace(size, shortest=0, tables=2)) == [1_000_000] * 2
    (ids, *_) = data.ids(replace(size, batches=1))
    # Every id has a row, and the short tables are touched everywhere.
    assert all(each.min() >= 0 and each.max() < rows for each, rows in zip(ids, lengths, strict=True))
    assert len(np.unique(ids[0])) == 3


@pytest.mark.parametrize("rows", [1, 2, 7, 100])
def test_every_row_of_a_table_may_be_drawn(rows):
    drawn = data.draw(np.random.default_rng(1), rows, 400 * rows)
    assert len(np.unique(drawn)) == rows


def test_memory_is_counted_for_all_tables():
    assert WORK.bytes_needed() == 2 * 3 * 3 * 50 * 4 * 4
    assert WORK.moves() is None


@pytest.fixture(scope="module", params=catalogue.GROUPS["training"], ids=lambda work: work.name)
def measured(request: pytest.FixtureRequest) -> tuple[Result, list[str]]:
    """A quick run of a program, with one more optimizer that steps further than it must."""
    pytest.importorskip("torch")
    work = request.param.quick()
    ours = next(each for each in work.contenders if each.like)
    further = replace(ours, label="further", arguments={**ours.arguments, "lr": 1.1 * ours.arguments["lr"]})
    with Processes(here(catalogue.LIBRARIES), 1) as processes:
        result = measure.measure(replace(work, contenders=(*work.contenders, further)), processes, PACE, silent)
        assert result is not None
        return result, processes.notes


def test_all_losses_are_those_of_torch(measured):
    result, notes = measured
    assert [timing.label for timing in result.timings if len(timing.seconds) != PACE.rounds] == []
    assert [note.partition(":")[2].split(" are not ")[0] for note in notes] == [" the losses of further"]
    # Torch has no row-wise Adagrad.
    alone = {timing.label for timing in result.timings if timing.library == "fusedstep.torch"} - {
        one.label for one, _ in losses.compared(result)
    }
    assert alone <= {"fusedstep RowwiseAdagrad"}


def test_losses_change_by_much_more_than_rounding(measured):
    result, _ = measured
    for timing in result.timings:
        # Two batches take turns.
        changes = [abs(later / earlier - 1) for earlier, later in zip(timing.losses, timing.losses[2:], strict=False)]
        assert min(changes) > 100 * losses.ROUNDING


def test_every_contender_has_a_process_of_its_own_unless_sizes_are_tiny():
    for work in catalogue.GROUPS["training"]:
        processes = [each.library.process for each in work.contenders]
        assert len(set(processes)) == len(processes)
        assert {each.library.process for each in work.quick().contenders} == {"fusedstep.torch", "torch"}
