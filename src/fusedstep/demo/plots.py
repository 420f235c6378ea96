"""The demo's picture: accuracy against sparsity, and time per step."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from .summary import thread_phrase
from .training import Result

# Okabe and Ito's colours, for colour-blind readers. The markers nest: without a penalty optimizers learn the same
# weights, and their points coincide.
STYLES = (
    {"color": "#0072B2", "marker": "o", "markersize": 11, "fillstyle": "none"},
    {"color": "#009E73", "marker": "D", "markersize": 14, "fillstyle": "none"},
    {"color": "#D55E00", "marker": "o", "markersize": 5},
    {"color": "#555555", "marker": "s", "markersize": 22, "fillstyle": "none"},
)
TEXT = 12


def save(results: Sequence[Result], steps: int, file: Path) -> None:
    """Draw the results and save the picture."""
    figure = Figure(figsize=(13, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    styles = dict(zip(dict.fromkeys(result.optimizer.name for result in results), STYLES, strict=False))
    draw_sparsity(left, results, styles)
    draw_times(right, results, styles)
    for axes in (left, right):
        axes.tick_params(labelsize=TEXT)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"Softmax regression on handwritten digits, {steps} steps with each optimizer", fontsize=TEXT + 4)
    figure.savefig(file, dpi=150)


def draw_sparsity(axes: Any, results: Sequence[Result], styles: dict[str, dict[str, Any]]) -> None:
    """Draw accuracy against non-zero weights: a curve over l1, and a point for each optimizer without a penalty."""
    for name, style in styles.items():
        runs = [result for result in results if result.optimizer.name == name]
        points = [(result.nonzero, result.accuracy) for result in runs]
        line = "-" if len(runs) > 1 else ""
        axes.plot(*zip(*points, strict=True), label=name, linestyle=line, linewidth=2, markeredgewidth=2, **style)
        for result, point in zip(runs, points, strict=True):
            if result.optimizer.l1 is not None:
                # The rising curve leaves room above and to the left; at l1 = 0 the other optimizers' points are there.
                offset = (-6, 6) if result.optimizer.l1 else (0, -28)
                axes.annotate(
                    f"l1 = {result.optimizer.l1:g}",
                    point,
                    offset,
                    textcoords="offset points",
                    ha="right" if result.optimizer.l1 else "center",
                    fontsize=TEXT,
                )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.margins(x=0.17, y=0.1)
    axes.set_xlabel("non-zero weights (logarithmic)", fontsize=TEXT)
    axes.set_ylabel("accuracy on held-out pictures", fontsize=TEXT)
    axes.set_title("A stronger l1 penalty leaves fewer weights", fontsize=TEXT + 1)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=TEXT - 1, markerscale=0.7)


def draw_times(axes: Any, results: Sequence[Result], styles: dict[str, dict[str, Any]]) -> None:
    """Draw a bar for each optimizer: its median over all penalties."""
    optimizers = {result.optimizer.name: result.optimizer for result in results}
    times = [median(result.milliseconds for result in results if result.optimizer.name == name) for name in styles]
    rows = {"every": "every row", "touched": "touched rows"}
    names = [f"{name}\n{rows[each.rows]}, {thread_phrase(each.threads)}" for name, each in optimizers.items()]
    bars = axes.barh(names, times, height=0.6, color=[style["color"] for style in styles.values()])
    axes.bar_label(bars, [f"{time:.1f} ms" for time in times], padding=4, fontsize=TEXT)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set_xlabel("median milliseconds per step", fontsize=TEXT)
    axes.set_title("Time spent in the optimizer", fontsize=TEXT + 1)
