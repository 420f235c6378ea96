"""A run as tables for a terminal."""

from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .figures import COLUMNS, LEGEND, cells, duration, how, size, where
from .measure import SWEEPS
from .results import Report, Result
from .works import Work

# The longest label: tables stand below one another.
LABEL = 29


def listing(works: Iterable[Work]) -> Table:
    """The works by name."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for work in works:
        drawn.add_row(work.name, f"{work.title}")
    return drawn


def tables(report: Report) -> Iterator[RenderableType]:
    """A table for each work, and one for each size that is swept over."""
    for result in report.results:
        if not result.swept:
            yield single(result)
    for work in dict.fromkeys(result.work for result in report.results if result.swept):
        for name in SWEEPS:
            results = [each for each in report.results if (each.work, each.swept) == (work, name)]
            if results:
                yield sweep(name, results)


def single(result: Result) -> RenderableType:
    """The times of a work, narrow enough for 80 columns."""
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    drawn.add_column("", no_wrap=True, min_width=LABEL)
    for name in COLUMNS:
        drawn.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
    for timing in result.timings:
        drawn.add_row(timing.label, *cells(result, timing))
    return Group(Text.assemble((result.work, "bold"), f"  {result.title}; {size(result.size)}"), drawn)


def sweep(name: str, results: list[Result]) -> RenderableType:
    """The medians of a work over sizes."""
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    drawn.add_column("", no_wrap=True, min_width=LABEL)
    for result in results:
        drawn.add_column(f"{result.size[name]:,}", justify="right")
    for label in dict.fromkeys(timing.label for result in results for timing in result.timings):
        found = [next((each for each in result.timings if each.label == label), None) for result in results]
        drawn.add_row(label, *(duration(each.median) if each else "" for each in found))
    return Group(Text.assemble((results[0].work, "bold"), f" by {name}"), drawn)


def introduction(report: Report) -> str:
    """What was measured on, and how."""
    return f"{where(report)}\n{how(report)}\n"


def notes(report: Report, missing: Sequence[str]) -> str:
    """What a reader of the tables should know."""
    lines = [LEGEND, *report.notes]
    if missing:
        names = ", ".join(missing)
        lines.append(f"Not installed here: {names}; --peer NAME=PYTHON names an environment that has one.")
    return "\n".join(lines)
