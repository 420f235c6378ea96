"""Writes the results of ``make bench BENCH=--save`` into the page on performance, with pictures."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import whole_steps
from benchmarks.cpu import sweep_plots, sweeps
from benchmarks.cpu.works import GROUPS
from benchmarks.saved import RESULTS, from_json, measured_on
from matplotlib.figure import Figure

from fusedstep.bench import plots
from fusedstep.bench.figures import how, size, where
from fusedstep.bench.grids import grids, legend
from fusedstep.bench.results import Report, Result

FOLDER, PAGE = "measured", "machines.md"
NONE = "There is no result yet: `make bench BENCH=--save` adds one."


def write(folder: Path, saved: Path = RESULTS) -> None:
    """Write the page that is included, and its pictures."""
    folder = folder / FOLDER
    folder.mkdir(exist_ok=True)
    files = sorted(saved.glob("*.json"))
    reports = {file.stem: from_json(file.read_text(encoding="utf-8")) for file in files}
    parts = [machine(name, report, folder) for name, report in reports.items()]
    text = "\n\n".join(parts or [NONE]) + "\n"
    page = folder / PAGE
    # Sphinx reads a page again whose file is newer.
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def machine(name: str, report: Report, folder: Path) -> str:
    """All results of a machine."""
    figures = [] if report.machine.get("gpu") else drawn(report)
    pictures = plots.save(((f"{name}-{each}", figure) for each, figure in figures), folder)
    return "\n\n".join(
        [
            f"### {measured_on(report)}",
            f"{where(report)} {how(report)} {legend(report)}",
            *(f"![{picture.stem}]({FOLDER}/{picture.name})" for picture in pictures),
            *(single(result) for result in report.results if not result.swept),
            *(sweep(*each) for each in sweeps.sweeps(report)),
            *report.notes,
        ]
    )


def drawn(report: Report) -> list[tuple[str, Figure]]:
    """The pictures of a machine without a GPU, and their names."""
    return [*whole_steps.figures(report), *plots.figures(report, GROUPS), *sweep_plots.figures(report)]


def single(result: Result) -> str:
    """The tables of a work."""
    heading = f"**{result.work}**: {result.title}; {size(result.size)}"
    return "\n\n".join([heading, *(table(heads, rows) for heads, *rows in grids(result))])


def sweep(work: str, name: str, results: Sequence[Result]) -> str:
    """The table of medians over one size."""
    heads = ("", *(f"{result.size[name]:,}" for result in results))
    return f"**{work}** by {name}\n\n{table(heads, sweeps.medians(results))}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, with right-aligned figures."""
    lines = [heads, ("---", *["---:"] * (len(heads) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
