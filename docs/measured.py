"""Writes the results of ``fusedstep bench --save`` into the page on performance, with pictures."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from fusedstep.bench import plots
from fusedstep.bench.figures import COLUMNS, LEGEND, cells, how, medians, size, sweeps, where
from fusedstep.bench.results import Report, Result, from_json

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"
FOLDER, PAGE = "measured", "machines.md"
NONE = "There is no result yet: `fusedstep bench --save` adds one."


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
    pictures = [] if report.machine.get("gpu") else plots.save(report, folder, f"{name}-")
    return "\n\n".join(
        [
            f"### {report.measured_on}",
            f"{where(report)} {how(report)} {LEGEND}",
            *(f"![{picture.stem}]({FOLDER}/{picture.name})" for picture in pictures),
            *(single(result) for result in report.results if not result.swept),
            *(sweep(*each) for each in sweeps(report)),
            *report.notes,
        ]
    )


def single(result: Result) -> str:
    """The table of a work."""
    heading = f"**{result.work}**: {result.title}; {size(result.size)}"
    rows = [(timing.label, *cells(result, timing)) for timing in result.timings]
    return f"{heading}\n\n{table(('', *COLUMNS), rows)}"


def sweep(work: str, name: str, results: Sequence[Result]) -> str:
    """The table of medians over one size."""
    heads = ("", *(f"{result.size[name]:,}" for result in results))
    return f"**{work}** by {name}\n\n{table(heads, medians(results))}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, with right-aligned figures."""
    lines = [heads, ("---", *["---:"] * (len(heads) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
