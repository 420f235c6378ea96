"""The figures of a result as rows of text, for tables of every format."""

import statistics

from .figures import COLUMNS, FAILED, LEGEND, cells, spread, three_digits
from .losses import ROUNDING, compared, difference
from .results import Report, Result, Timing

Grid = list[tuple[str, ...]]
MILLISECOND = 1e-3
TRAINING_LEGEND = (
    "Training: medians in milliseconds of each phase and of whole steps, with the quartiles of these; a backward pass "
    "without a step after it includes the update. Faults: the pages that the system gave the process in a step (minor "
    f"page faults). Losses are those of the first step and the last, and equal where they differ by {ROUNDING:g} of "
    "them or less."
)


def grids(result: Result) -> list[Grid]:
    """A result's tables, each with its heads."""
    if result.phases:
        return [training(result), *filter(None, [losses(result)])]
    return [[("", *COLUMNS), *((timing.label, *cells(result, timing)) for timing in result.timings)]]


def legend(report: Report) -> str:
    """What the columns of a report mean."""
    kinds = {bool(result.phases) for result in report.results}
    return " ".join([LEGEND] * (kinds != {True}) + [TRAINING_LEGEND] * (True in kinds))


def training(result: Result) -> Grid:
    """The times and page faults of steps of training."""
    heads = ("milliseconds", *result.phases, "all", "quartiles", "faults")
    return [heads, *((timing.label, *training_cells(timing, result.phases)) for timing in result.timings)]


def training_cells(timing: Timing, phases: list[str]) -> tuple[str, ...]:
    """A contender's figures, one in each column."""
    if not timing.seconds:
        return (*[""] * len(phases), FAILED, "", "")
    medians = [statistics.median(timing.phases[name]) if name in timing.phases else None for name in phases]
    return (
        *("" if median is None else milliseconds(median) for median in medians),
        milliseconds(timing.median),
        spread(*timing.quartiles, MILLISECOND),
        f"{statistics.median(timing.faults):,.0f}",
    )


def milliseconds(seconds: float) -> str:
    """A time in milliseconds.

    >>> milliseconds(0.0342), milliseconds(0.00021)
    ('34.2', '0.21')
    """
    return three_digits(seconds / MILLISECOND)


def losses(result: Result) -> Grid:
    """The losses of contenders that must have those of another one; empty if there are none."""
    rows = [loss_cells(one, other) for one, other in compared(result)]
    return [("losses", "first", "last", "differ", "", "from those of"), *rows] if rows else []


def loss_cells(one: Timing, other: Timing) -> tuple[str, ...]:
    """A contender's losses beside those of the one that must have the same."""
    far = difference(one, other)
    verdict = "equal" if far <= ROUNDING else FAILED
    return one.label, f"{one.losses[0]:.4g}", f"{one.losses[-1]:.4g}", f"{far:.0e}", verdict, other.label
