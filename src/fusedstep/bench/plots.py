"""A run as pictures: bars of times beside the limit of memory, and lines over sizes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from .catalogue import GROUPS
from .figures import duration, size, sweeps, unit
from .results import Report, Result

# Okabe and Ito's colours, for colour-blind readers.
COLORS = {
    "fusedstep": "#0072B2",
    "fusedstep.torch": "#0072B2",
    "startup": "#0072B2",
    "torch": "#D55E00",
    "mindspore": "#009E73",
    "tensorflow": "#E69F00",
    "fbgemm": "#CC79A7",
    "streaming": "#000000",
}
MARKERS = ("o", "s", "^", "D", "v", "P")
WIDTH, BAR, HEADING, TEXT = 9.0, 0.32, 0.85, 11
# The width of a panel, relative to its longest bar: error bars may be much longer.
BEYOND = 1.3
BLANK = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}


def save(report: Report, folder: Path, stem: str = "", kind: str = "png") -> list[Path]:
    """Draw a run into files of a folder; return the files."""
    files = []
    for name, figure in figures(report):
        files.append(folder / f"{stem}{name}.{kind}")
        # Without matplotlib's version in them, equal runs are equal files.
        figure.savefig(files[-1], dpi=110, metadata={"Software": None} if kind == "png" else None)
    return files


def figures(report: Report) -> Iterator[tuple[str, Figure]]:
    """The pictures by name: one for each group of works, one for each work with sweeps."""
    for group, works in GROUPS.items():
        names = {work.name for work in works}
        singles = [each for each in report.results if each.work in names and not each.swept]
        results = [each for each in singles if any(timing.seconds for timing in each.contenders)]
        if results:
            yield group, bars(results)
    by_work: dict[str, dict[str, list[Result]]] = {}
    for work, name, results in sweeps(report):
        by_work.setdefault(work, {})[name] = results
    for work, found in by_work.items():
        yield f"{work}-sweep", lines(found)


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
    axes.set_title(f"{result.title}\n{size(result.size)}{limited}", fontsize=TEXT, loc="left")


def lines(swept: Mapping[str, Sequence[Result]]) -> Figure:
    """A panel for each size that varies: a line for each contender."""
    figure = Figure(figsize=(WIDTH * 1.5, 4.2), layout="constrained")
    panels = figure.subplots(1, len(swept), sharey=True, squeeze=False)[0]
    for axes, (name, results) in zip(panels, swept.items(), strict=True):
        draw_lines(axes, name, results)
    panels[0].set_ylabel("milliseconds", fontsize=TEXT)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=TEXT - 1)
    figure.suptitle(next(iter(swept.values()))[0].title, fontsize=TEXT + 2)
    return figure


def draw_lines(axes: Any, name: str, results: Sequence[Result]) -> None:
    """Draw the lines over one size."""
    libraries = {timing.label: timing.library for result in results for timing in result.timings}
    for marker, (label, library) in zip(MARKERS, libraries.items(), strict=False):
        points = [
            (result.size[name], timing.median * 1e3)
            for result in results
            for timing in result.timings
            if timing.label == label and timing.seconds
        ]
        style = "--" if library == "streaming" else "-"
        axes.plot(*zip(*points, strict=True), style, marker=marker, color=COLORS[library], label=label)
    words = {"rows": "rows of the table", "batch": "rows of the gradient", "width": "elements in a row"}
    axes.set_xlabel(words[name], fontsize=TEXT)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=TEXT - 1)
    axes.spines[["top", "right"]].set_visible(False)
