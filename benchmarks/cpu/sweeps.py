"""Works at many sizes, and their results as tables."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from fusedstep.bench.figures import FAILED, duration
from fusedstep.bench.results import Report, Result
from fusedstep.bench.tables import columns
from fusedstep.bench.works import Work

SWEPT = ("FusedSparseAdam", "FusedSparseLazyAdam")
# The sizes of a sweep. One varies at a time; the others are the work's.
SIZES = {
    "rows": (1_000, 10_000, 100_000, 1_000_000, 4_000_000),
    "batch": (64, 1_024, 16_384, 65_536, 262_144, 1_000_000),
    "width": (1, 4, 10, 16, 64, 200),
}


def with_sweeps(works: Iterable[Work]) -> Iterator[Work]:
    """All works; those that are swept are followed by themselves at other sizes."""
    for work in works:
        yield work
        for name, values in SIZES.items() if work.name in SWEPT else ():
            for value in values:
                yield replace(work.sized(**{name: value}), swept=name)


def sweeps(report: Report) -> Iterator[tuple[str, str, list[Result]]]:
    """The sweeps of a run: the work, the size that varies, and the results in order of size."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in report.results:
        if result.swept:
            found.setdefault((result.work, result.swept), []).append(result)
    for (work, name), results in found.items():
        yield work, name, results


def medians(results: Sequence[Result]) -> Iterator[tuple[str, ...]]:
    """The medians of a sweep: a row for each contender."""
    for label in dict.fromkeys(timing.label for result in results for timing in result.timings):
        found = [next((each for each in result.timings if each.label == label), None) for result in results]
        yield label, *("" if each is None else duration(each.median) if each.seconds else FAILED for each in found)


def tables(report: Report) -> Iterator[str]:
    """A table of medians for each size that varies."""
    for work, name, results in sweeps(report):
        heads = ("", *(f"{result.size[name]:,}" for result in results))
        yield "\n".join([f"{work} by {name}", *columns([heads, *medians(results)])])
