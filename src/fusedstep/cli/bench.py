"""``fusedstep bench``: times the operators on this machine beside PyTorch's optimizers."""

import argparse
import difflib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

from ..bench import catalogue, environments, measure, results
from ..bench.processes import Processes
from ..bench.race import Pace
from ..bench.works import Work
from . import machine
from .extras import require
from .options import file_to_write, folder_to_write, thread_count
from .progress import progress

RESULTS = "benchmarks/results"
FULL = Pace(rounds=15, pause=0.1)
QUICK = Pace(rounds=3, warm_up=1)
THREADS = 2

EPILOG = """
Every library runs in its own process, on the same number of threads. Contenders take one step each in turn, with a
pause between steps; times are medians. All works take about ten minutes on two cores, one work about twenty seconds;
the first run compiles kernels before. Measure on an idle machine.
"""


def add_options(parser: argparse.ArgumentParser, groups: environments.Groups = catalogue.GROUPS) -> None:
    """Add the subcommand's options; ``groups`` are the works to choose from."""
    parser.epilog = EPILOG
    add, peers = parser.add_argument, environments.peers(groups)
    add(
        "works",
        nargs="*",
        type=partial(works, groups),
        metavar="WORK",
        help=f"works, or groups of works: {', '.join(groups)} (default: everything)",
    )
    add("--list", action="store_true", help="list the works, without measuring")
    add(
        "--peer",
        action="append",
        default=[],
        type=partial(peer, peers),
        metavar="NAME=PYTHON",
        help=f"run a library with the python of another environment; NAME is one of {', '.join(peers)}",
    )
    add("--quick", action="store_true", help="tiny sizes and few steps: a test of seconds")
    add("--sweep", action="store_true", help="also vary table size, batch size and row width; doubles the time")
    add("--rounds", type=thread_count, metavar="N", help=f"time each contender N times (default: {FULL.rounds})")
    add("--threads", type=thread_count, default=THREADS, metavar="N", help="threads of each (default: %(default)s)")
    add("--json", type=file_to_write, metavar="FILE", help="write all times to a file")
    add("--plot", type=folder_to_write, metavar="FOLDER", help="draw pictures into a folder")
    add("--save", action="store_true", help="write the result to this machine's file in the folder of results")
    add("--results", default=RESULTS, metavar="FOLDER", help="with --save: that folder (default: %(default)s)")
    parser.set_defaults(refuse=parser.error, groups=groups)


def works(groups: environments.Groups, name: str) -> Sequence[Work]:
    """The works of a group, or the work with a name; case is ignored."""
    if name.lower() in groups:
        return groups[name.lower()]
    known = {work.name.lower(): work for each in groups.values() for work in each}
    if name.lower() in known:
        return [known[name.lower()]]
    close = [known[each].name for each in difflib.get_close_matches(name.lower(), known, n=4, cutoff=0.6)]
    raise argparse.ArgumentTypeError(
        f"{name!r} is not a work; "
        + (f"similar works: {', '.join(close)}" if close else "'fusedstep bench --list' lists all")
    )


def peer(names: Sequence[str], text: str) -> tuple[str, str]:
    """Parse a peer and its environment."""
    try:
        return environments.peer(names, text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(options: argparse.Namespace) -> int:
    """Measure, then print, write and draw the results."""
    if options.plot:
        require("fusedstep bench --plot", "bench", {"matplotlib": "matplotlib"})
    from ..bench import tables

    chosen = options.works or options.groups.values()
    works = list({work.name: work for each in chosen for work in each}.values())
    if options.list:
        print(tables.listing(works))
        return 0
    folder = results_folder(options) if options.save else None
    pythons = environments.pythons(environments.libraries(options.groups), dict(options.peer))
    missing = [name for name in environments.peers(options.groups) if name not in pythons]
    report = measured(works, pythons, options)
    print("\n".join([tables.introduction(report), *(f"{each}\n" for each in tables.tables(report))]))
    print(tables.notes(report, missing))
    if options.json:
        options.json.write_text(report.as_json(), encoding="utf-8")
    if folder:
        print(f"Saved: {results.save(report, folder)}")
    if options.plot:
        from ..bench import plots

        for file in plots.save(report, options.plot):
            print(f"Picture: {file}")
    return 0 if any(timing.seconds for result in report.results for timing in result.timings) else 1


def results_folder(options: argparse.Namespace) -> Path:
    """The folder of results, checked before the measurement."""
    try:
        return folder_to_write(options.results)
    except argparse.ArgumentTypeError as error:
        return options.refuse(f"argument --results: {error}")  # type: ignore[no-any-return]


def measured(works: list[Work], pythons: dict[str, str], options: argparse.Namespace) -> results.Report:
    """Measure all works."""
    pace = QUICK if options.quick else FULL
    pace = replace(pace, rounds=options.rounds or pace.rounds)
    cases = measure.cases(works, options.quick, options.sweep)
    with Processes(pythons, options.threads) as processes:
        with progress(sum(measure.steps(case, processes, pace) for case in cases)) as advance:
            found = [measure.measure(case, processes, pace, advance) for case in cases]
        versions = {name: processes.versions.get(name) for name in environments.peers(options.groups)}
    described = machine.description()
    return results.Report(
        described["machine"],
        described["versions"] | {name: version for name, version in versions.items() if version},
        date.today().isoformat(),
        options.threads,
        pace.rounds,
        tuple(filter(None, found)),
        tuple(processes.notes),
        options.quick,
    )
