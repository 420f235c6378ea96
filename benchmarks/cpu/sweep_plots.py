"""The results of sweeps as pictures: lines over sizes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from fusedstep.bench.plots import COLORS, TEXT, WIDTH
from fusedstep.bench.results import Report, Result

from .sweeps import sweeps

MARKERS = ("o", "s", "^", "D", "v", "P")


def figures(report: Report) -> Iterator[tuple[str, Figure]]:
    """A picture for each work with sweeps, and its name."""
    by_work: dict[str, dict[str, list[Result]]] = {}
    for work, name, results in sweeps(report):
        by_work.setdefault(work, {})[name] = results
    for work, found in by_work.items():
        yield f"{work}-sweep", lines(found)


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
