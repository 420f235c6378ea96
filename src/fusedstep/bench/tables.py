"""A run as tables of plain text, at most 80 columns wide."""

import shutil
import textwrap
from collections.abc import Iterable, Sequence

from .figures import how, size, where
from .grids import grids, legend
from .results import Report, Result
from .works import Work

# The longest label, so that the columns of all tables are aligned; tables of training have more of them.
LABEL, TRAINING_LABEL = 29, 26


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
            paragraphs(legend(report), *report.notes, *notes),
        ]
    )


def single(result: Result) -> str:
    """The times of a work."""
    heading = f"{result.work}: {result.title}; {size(result.size)}"
    narrowest = TRAINING_LABEL if result.phases else LABEL
    return "\n".join(
        [*textwrap.wrap(heading, 80), *(line for grid in grids(result) for line in columns(grid, first=narrowest))]
    )


def columns(rows: Sequence[Sequence[str]], right: bool = True, first: int = LABEL) -> list[str]:
    """Rows as aligned lines; all but the first column to the right or left, and that at least ``first`` wide."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[0] = max(widths[0], first)
    sides = ["<", *(">" if right else "<") * (len(widths) - 1)]
    return [
        " ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in rows
    ]


def paragraphs(*texts: str) -> str:
    """Texts in lines that fit the terminal."""
    width = shutil.get_terminal_size().columns
    return "\n".join(textwrap.fill(text, width, break_on_hyphens=False) for text in texts)
