"""A run as tables of plain text, at most 80 columns wide."""

import shutil
import textwrap
from collections.abc import Iterable, Sequence

from .figures import COLUMNS, LEGEND, cells, how, size, where
from .results import Report, Result
from .works import Work

# The longest label, so that the columns of all tables are aligned.
LABEL = 29


def listing(works: Iterable[Work]) -> str:
    """The works, by name."""
    return "\n".join(columns([(work.name, work.title) for work in works], right=False))


def text(report: Report, tables: Iterable[str] = (), notes: Iterable[str] = ()) -> str:
    """A whole report, with some more tables and notes."""
    found = [*map(single, (result for result in report.results if not result.swept)), *tables]
    return "\n".join(
        [
            f"{paragraphs(where(report), how(report))}\n",
            *(f"{each}\n" for each in found),
            paragraphs(LEGEND, *report.notes, *notes),
        ]
    )


def single(result: Result) -> str:
    """The times of a work."""
    rows = [(timing.label, *cells(result, timing)) for timing in result.timings]
    heading = f"{result.work}: {result.title}; {size(result.size)}"
    return "\n".join([*textwrap.wrap(heading, 80), *columns([("", *COLUMNS), *rows])])


def columns(rows: Sequence[Sequence[str]], right: bool = True) -> list[str]:
    """Rows as aligned lines; all but the first column to the right or left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[0] = max(widths[0], LABEL)
    sides = ["<", *(">" if right else "<") * (len(widths) - 1)]
    return [
        " ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in rows
    ]


def paragraphs(*texts: str) -> str:
    """Texts in lines that fit the terminal."""
    width = shutil.get_terminal_size().columns
    return "\n".join(textwrap.fill(text, width, break_on_hyphens=False) for text in texts)
