"""``fusedstep bench``: times the operators on this machine beside PyTorch's optimizers."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

from ..bench import catalogue, measure, tables
from ..bench.losses import differing
from ..bench.processes import Processes, here
from ..bench.race import Pace
from ..bench.results import Report
from ..bench.works import Work
from . import machine
from .extras import require
from .options import file_to_write, folder_to_write, similar, thread_count
from .progress import progress

Groups = Mapping[str, Sequence[Work]]
FULL = Pace(rounds=15, pause=0.1)
QUICK = Pace(rounds=3, warm_up=1)
THREADS = 2

EPILOG = """
Every library runs in its own process, in training every contender, on the same number of threads. Contenders take one
step each in turn, with a pause between steps; times are medians. Losses that must be equal are compared. All works take
about ten minutes on two cores, one work about twenty seconds; the first run compiles kernels before. Measure on an idle
machine.
"""


def add_options(parser: argparse.ArgumentParser, groups: Groups = catalogue.GROUPS) -> None:
    """Add the subcommand's options; ``groups`` are the works to choose from."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add(
        "works",
        nargs="*",
        type=partial(works, groups),
        default=list(groups.values()),
        metavar="WORK",
        help=f"works, or groups of works: {', '.join(groups)} (default: everything)",
    )
    add("--list", action="store_true", help="list the works, without measuring")
    add("--quick", action="store_true", help="tiny sizes and few steps: a test of seconds")
    add("--rounds", type=thread_count, metavar="N", help=f"time each contender N times (default: {FULL.rounds})")
    add("--threads", type=thread_count, default=THREADS, metavar="N", help="threads of each (default: %(default)s)")
    add("--json", type=file_to_write, metavar="FILE", help="write all times to a file")
    add("--plot", type=folder_to_write, metavar="FOLDER", help="draw pictures into a folder")


def works(groups: Groups, name: str) -> Sequence[Work]:
    """The works of a group, or the work with a name; case is ignored."""
    if name.lower() in groups:
        return groups[name.lower()]
    known = {work.name.lower(): work for each in groups.values() for work in each}
    if name.lower() in known:
        return [known[name.lower()]]
    hint = similar(name, (work.name for work in known.values()), "works") or "'fusedstep bench --list' lists all"
    raise argparse.ArgumentTypeError(f"{name!r} is not a work; {hint}")


def run(options: argparse.Namespace) -> int:
    """Measure, then print, write and draw the results."""
    works = chosen(options)
    if options.list:
        print(tables.listing(works))
        return 0
    pythons = here(catalogue.LIBRARIES)
    report = measured(works, pythons, options)
    missing = [each.name for each in catalogue.LIBRARIES if each.name not in pythons]
    print(tables.text(report, notes=[f"Not installed here: {', '.join(missing)}."] * bool(missing)))
    write(report, options, catalogue.GROUPS)
    return status(report)


def chosen(options: argparse.Namespace) -> list[Work]:
    """The works to measure, once what they need is there."""
    if options.plot:
        require("fusedstep bench --plot", "bench", {"matplotlib": "matplotlib"})
    return list({work.name: work for works in options.works for work in works}.values())


def write(report: Report, options: argparse.Namespace, groups: Groups) -> None:
    """Write a report to files, if chosen."""
    if options.json:
        options.json.write_text(report.as_json(), encoding="utf-8")
    if options.plot:
        from ..bench import plots

        for file in plots.save(plots.figures(report, groups), options.plot):
            print(f"Picture: {file}")


def status(report: Report) -> int:
    """The exit status: 1 if nothing was timed, or if losses differ that must be equal."""
    return 0 if report.is_timed and not any(map(differing, report.results)) else 1


def measured(works: Iterable[Work], pythons: Mapping[str, str], options: argparse.Namespace) -> Report:
    """Measure works, with the libraries that have a Python."""
    pace = QUICK if options.quick else FULL
    pace = replace(pace, rounds=options.rounds or pace.rounds)
    works = [work.quick() if options.quick else work for work in works]
    with (
        Processes(pythons, options.threads) as processes,
        progress(sum(measure.steps(work, processes, pace) for work in works)) as advance,
    ):
        found = [measure.measure(work, processes, pace, advance) for work in works]
    described = machine.description()
    return Report(
        described["machine"],
        described["versions"] | processes.versions,
        date.today().isoformat(),
        options.threads,
        pace.rounds,
        tuple(filter(None, found)),
        tuple(processes.notes),
        options.quick,
    )
