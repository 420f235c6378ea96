"""A run as pictures: bars of times beside the limit of memory."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from .figures import duration, size, unit
from .results import Report, Result, Timing
from .works import Work

# Okabe and Ito's colours, for colour-blind readers.
COLORS = {
    "fusedstep": "#0072B2",
    "fusedstep.torch": "#0072B2",
    "startup": "#0072B2",
    "torch": "#D55E00",
    "torch.compile": "#D55E00",
    "optax": "#56B4E9",
    "mindspore": "#009E73",
    "tensorflow": "#E69F00",
    "fbgemm": "#CC79A7",
    "streaming": "#000000",
}
WIDTH, BAR, HEADING, TEXT = 9.0, 0.32, 0.85, 11
# The width of a panel, relative to its longest bar: error bars may be much longer.
BEYOND = 1.3
LIGHTER = 0.22
BLANK = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}


def save(figures: Iterable[tuple[str, Figure]], folder: Path) -> list[Path]:
    """Draw pictures into files of a folder; return the files."""
    files = []
    for name, figure in figures:
        files.append(folder / f"{name}.png")
        # Without matplotlib's version in them, equal runs are equal files.
        figure.savefig(files[-1], dpi=110, metadata={"Software": None})
    return files


def figures(report: Report, groups: Mapping[str, Sequence[Work]]) -> Iterator[tuple[str, Figure]]:
    """A picture for each group of works that was measured, and its name."""
    for group, works in groups.items():
        names = {work.name for work in works}
        singles = [each for each in report.results if each.work in names and not each.swept]
        results = [each for each in singles if any(timing.seconds for timing in each.contenders)]
        if results:
            yield group, bars(results)


def bars(results: Sequence[Result]) -> Figure:
    """A panel for each work: a bar for each contender, and a line at the limit of memory."""
    heights = [len(result.contenders) * BAR + HEADING for result in results]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.4), layout="constrained")
    panels = figure.subplots(len(results), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, result in zip(panels, results, strict=True):
        draw_bars(axes, result)
    return figure


def draw_bars(axes: Any, result: Result) -> None:
    """Draw the bars of one work."""
    contenders, limit = [each for each in result.contenders if each.seconds], result.streaming
    times = [each.median for each in contenders]
    scale, name = unit(min(times))
    errors = [[each.median - each.quartiles[0] for each in contenders]]
    errors += [[each.quartiles[1] - each.median for each in contenders]]
    drawn = axes.barh(
        [each.label for each in contenders],
        [time / scale for time in times],
        xerr=[[error / scale for error in side] for side in errors],
        color=[COLORS[each.library] for each in contenders],
        height=0.7,
        error_kw={"elinewidth": 1, "ecolor": "#555555"},
    )
    draw_phases(axes, contenders, result.phases, scale)
    for bar, time in zip(drawn, times, strict=True):
        place = (1.0, bar.get_y() + bar.get_height() / 2)
        axes.annotate(
            duration(time),
            place,
            xycoords=("axes fraction", "data"),
            ha="right",
            va="center",
            fontsize=TEXT - 1,
            bbox=BLANK,
        )
    if limit and limit.seconds:
        axes.axvline(limit.median / scale, color=COLORS["streaming"], linestyle="--", linewidth=1.2)
    axes.invert_yaxis()
    axes.set_xlim(0, BEYOND * max(each.median for each in result.timings if each.seconds) / scale)
    axes.tick_params(labelsize=TEXT - 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(name, fontsize=TEXT - 1, loc="right")
    limited = f"; dashed: the memory's limit, {duration(limit.median)}" if limit and limit.seconds else ""
    phases = f"; from dark to light: {', '.join(result.phases)}" if result.phases else ""
    axes.set_title(f"{result.title}\n{size(result.size)}{limited}{phases}", fontsize=TEXT, loc="left")


def draw_phases(axes: Any, contenders: Sequence[Timing], phases: Sequence[str], scale: float) -> None:
    """Divide bars among the phases of training, each lighter than the one before."""
    for contender in contenders:
        medians = [statistics.median(contender.phases.get(name, (0.0,))) for name in phases]
        begin = 0.0
        for number, median in enumerate(medians):
            # The medians of phases do not add up to the median of the whole.
            width = median / sum(medians) * contender.median / scale
            axes.barh(contender.label, width, left=begin, color="white", alpha=LIGHTER * number, height=0.7)
            begin += width
