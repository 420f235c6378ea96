"""Writes what ``fusedstep bench --save`` has kept into the page on performance, pictures included."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from fusedstep.bench import plots
from fusedstep.bench.figures import COLUMNS, LEGEND, cells, duration, how, size, where
from fusedstep.bench.measure import SWEEPS
from fusedstep.bench.results import Report, Result, from_json

KEPT = Path(__file__).parent.parent / "benchmarks" / "results"
FOLDER, PAGE = "measured", "machines.md"
NONE = "No machine's result is kept yet: `fusedstep bench --save` keeps one."


def write(folder: Path, kept: Path = KEPT) -> None:
    """Writes the page that is included, and the pictures beside it."""
    folder = folder / FOLDER
    folder.mkdir(exist_ok=True)
    files = sorted(kept.glob("*.json"))
    reports = {file.stem: from_json(file.read_text(encoding="utf-8")) for file in files}
    parts = [machine(name, report, folder) for name, report in reports.items()]
    text = "\n\n".join(parts or [NONE]) + "\n"
    page = folder / PAGE
    # Sphinx reads a page again whose file is newer.
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def machine(name: str, report: Report, folder: Path) -> str:
    """All that was measured on a machine."""
    pictures = [] if report.machine.get("gpu") else plots.save(report, folder, f"{name}-")
    return "\n\n".join(
        [
            f"### {report.measured_on}",
            f"{where(report)} {how(report)} {LEGEND}",
            *(f"![{picture.stem}]({FOLDER}/{picture.name})" for picture in pictures),
            *(single(result) for result in report.results if not result.swept),
            *sweeps(report),
            *report.notes,
        ]
    )


def single(result: Result) -> str:
    """The table of a work."""
    heading = f"**{result.work}**: {result.title}; {size(result.size)}"
    rows = [(timing.label, *cells(result, timing)) for timing in result.timings]
    return f"{heading}\n\n{table(('', *COLUMNS), rows)}"


def sweeps(report: Report) -> Iterable[str]:
    """The tables of medians over sizes."""
    for work in dict.fromkeys(result.work for result in report.results if result.swept):
        for name in SWEEPS:
            results = [each for each in report.results if (each.work, each.swept) == (work, name)]
            if results:
                heads = ("", *(f"{result.size[name]:,}" for result in results))
                yield f"**{work}** by {name}\n\n{table(heads, medians(results))}"


def medians(results: Sequence[Result]) -> Iterable[Sequence[str]]:
    """A row for each contender."""
    for label in dict.fromkeys(timing.label for result in results for timing in result.timings):
        found = [next((each for each in result.timings if each.label == label), None) for result in results]
        yield label, *(duration(each.median) if each else "" for each in found)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, its figures to the right."""
    lines = [heads, ("---", *["---:"] * (len(heads) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
