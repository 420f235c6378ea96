"""Draws the first picture of the README from saved results: whole steps of torch's optimizers and of fusedstep's.

    python -m benchmarks.whole_steps                    from the newest result in benchmarks/results
    python -m benchmarks.whole_steps RESULTS.json       from another one

The background is white, so that it is read on a dark page too.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.saved import RESULTS, from_json
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fusedstep.bench import plots
from fusedstep.bench.figures import duration, size, unit
from fusedstep.bench.results import Report, Result, Timing

NAME = "whole-steps"
PICTURE = Path(__file__).parents[1] / "docs" / f"{NAME}.png"
WORKS = ("bags", "click", "node2vec")
# Of all optimizers of a work, those of the family of Adam.
SHOWN = ("SparseAdam", "Adam")
PHASE_COLOR = "#444444"
WIDTH, BAR, HEADING, LEGEND = 9.0, 0.36, 0.75, 0.5

Pair = tuple[Timing, Timing]


def pairs(result: Result) -> Iterator[Pair]:
    """Torch's optimizers, each with the first of fusedstep's that has the same losses."""
    by_label = {timing.label: timing for timing in result.timings if timing.seconds}
    found = {each.like: each for each in reversed(by_label.values()) if each.library == "fusedstep.torch"}
    for label, ours in sorted(found.items(), reverse=True):
        if label in by_label and label.removeprefix("torch ").split()[0] in SHOWN:
            yield by_label[label], ours


def figures(report: Report) -> Iterator[tuple[str, Figure]]:
    """The picture, and its name, if a report has a work that it shows."""
    shown = {each.work: each for each in report.results if each.work in WORKS and any(pairs(each))}
    if shown:
        yield NAME, draw([shown[name] for name in WORKS if name in shown])


def draw(results: Sequence[Result]) -> Figure:
    """A panel for each work; the phases of a step are parts of its bar."""
    found = [list(pairs(result)) for result in results]
    heights = [2 * len(each) * BAR + HEADING for each in found]
    figure = Figure(figsize=(WIDTH, sum(heights) + LEGEND), layout="constrained", facecolor="white")
    panels = figure.subplots(len(results), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, result, its in zip(panels, results, found, strict=True):
        draw_pairs(axes, result, its)
    phases = list(dict.fromkeys(name for result in results for name in result.phases))
    shades = [Patch(facecolor=PHASE_COLOR, alpha=1 - plots.LIGHTER * number) for number in range(len(phases))]
    figure.legend(shades, phases, loc="outside lower center", ncols=len(phases), frameon=False, fontsize=plots.TEXT)
    return figure


def draw_pairs(axes: Any, result: Result, its: Sequence[Pair]) -> None:
    """The steps of a work: torch's, and below it fusedstep's, with how many times as fast it is."""
    contenders = [timing for pair in its for timing in pair]
    scale, name = unit(min(each.median for each in contenders))
    drawn = axes.barh(
        [each.label for each in contenders],
        [each.median / scale for each in contenders],
        color=[plots.COLORS[each.library] for each in contenders],
        height=0.7,
    )
    plots.draw_phases(axes, contenders, result.phases, scale)
    faster = {ours.label: f"   {theirs.median / ours.median:.1f} x as fast" for theirs, ours in its}
    for bar, each in zip(drawn, contenders, strict=True):
        text = f" {duration(each.median)}{faster.get(each.label, '')}"
        weight = "bold" if each.label in faster else "normal"
        axes.text(bar.get_width(), bar.get_y() + bar.get_height() / 2, text, va="center", weight=weight)
    axes.invert_yaxis()
    axes.set_xlim(0, plots.BEYOND * max(each.median for each in contenders) / scale)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(name, loc="right")
    axes.set_title(f"{result.title}\n{size(result.size)}", fontsize=plots.TEXT, loc="left")


def newest(files: Iterable[Path]) -> Report | None:
    """The newest report that has a work of the picture."""
    reports = [from_json(file.read_text(encoding="utf-8")) for file in files]
    return max((each for each in reports if any(figures(each))), key=lambda each: each.date, default=None)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.whole_steps", description=__doc__.partition("\n")[0])
    parser.add_argument("results", nargs="?", type=Path, help="a file that make bench BENCH=--save wrote")
    options = parser.parse_args()
    report = newest([options.results] if options.results else sorted(RESULTS.glob("*.json")))
    if report is None:
        print(f"No result has any of the works {', '.join(WORKS)}: make bench BENCH=--save adds them", file=sys.stderr)
        return 1
    (picture,) = plots.save(((PICTURE.stem, figure) for _, figure in figures(report)), PICTURE.parent)
    print(f"Picture: {picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
