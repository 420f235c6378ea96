"""``fusedstep bench``: times the operators on this machine beside whatever peers are installed."""

import argparse
import difflib
from datetime import date
from pathlib import Path

from ..bench import catalogue, libraries, measure, results
from ..bench.processes import Team
from ..bench.works import Work
from . import machine
from .extras import require
from .options import file_to_write, folder_to_write, thread_count
from .progress import progress

KEPT = "benchmarks/results"
FULL = measure.Plan(rounds=15)
QUICK = measure.Plan(rounds=3, pause=0.0, warm_up=1)
THREADS = 2

EPILOG = """
Every library runs in a process of its own, on as many threads. Contenders take one step each in turn, with a pause
between; times are medians. A run of all works takes about ten minutes on two cores, one of a work about twenty
seconds; kernels are compiled first where that was never done. Measure on a machine that does nothing else.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The subcommand's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("works", nargs="*", type=works, metavar="WORK", help="works, or groups of them (default: everything)")
    add("--list", action="store_true", help="list the works, and measure nothing")
    add(
        "--peer",
        action="append",
        default=[],
        type=peer,
        metavar="NAME=PYTHON",
        help=f"a peer in another environment, by its python; NAME is one of {', '.join(libraries.PEERS)}",
    )
    add("--quick", action="store_true", help="tiny sizes and few steps: seconds, to see that all works")
    add(
        "--sweep",
        action="store_true",
        help="some works over table size, batch size and row width as well: as long again",
    )
    add("--rounds", type=thread_count, metavar="N", help=f"time each contender N times (default: {FULL.rounds})")
    add("--threads", type=thread_count, default=THREADS, metavar="N", help="threads of each (default: %(default)s)")
    add("--json", type=file_to_write, metavar="FILE", help="write all times to a file")
    add("--plot", type=folder_to_write, metavar="FOLDER", help="draw pictures into a folder")
    add("--save", action="store_true", help="keep the result in this machine's file in the folder of results")
    add("--results", default=KEPT, metavar="FOLDER", help="with --save: that folder (default: %(default)s)")
    parser.set_defaults(refuse=parser.error)


def works(name: str) -> list[Work]:
    """The works of a group, or the work of a name, whatever the case of its letters."""
    if name.lower() in catalogue.GROUPS:
        return catalogue.GROUPS[name.lower()]
    return [work(name)]


def work(name: str) -> Work:
    """The work of a name."""
    known = {each.lower(): each for each in catalogue.WORKS}
    if name.lower() in known:
        return catalogue.WORKS[known[name.lower()]]
    close = [known[each] for each in difflib.get_close_matches(name.lower(), known, n=4, cutoff=0.6)]
    raise argparse.ArgumentTypeError(
        f"{name!r} is no work; " + (f"close to it: {', '.join(close)}" if close else "'fusedstep bench --list' has all")
    )


def peer(text: str) -> tuple[str, str]:
    """A peer's environment."""
    try:
        return libraries.peer(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(options: argparse.Namespace) -> int:
    """Measures, then prints, writes and draws what was asked for."""
    require("fusedstep bench", "bench", {"rich": "rich"} | ({"matplotlib": "matplotlib"} if options.plot else {}))
    from rich.console import Console

    from ..bench import summary

    console = Console(highlight=False)
    works = list(({each.name: each for chosen in options.works for each in chosen} or catalogue.WORKS).values())
    if options.list:
        console.print(summary.listing(works))
        return 0
    kept = results_folder(options) if options.save else None
    report = measured(works, options)
    console.print(summary.introduction(report))
    for each in summary.tables(report):
        console.print(each)
    console.print(summary.notes(report, libraries.missing(libraries.pythons(dict(options.peer)))), soft_wrap=False)
    if options.json:
        options.json.write_text(report.as_json(), encoding="utf-8")
    if kept:
        console.print(f"Kept: {results.save(report, kept)}", soft_wrap=True)
    if options.plot:
        from ..bench import plots

        for file in plots.save(report, options.plot):
            console.print(f"Picture: {file}", soft_wrap=True)
    return 0 if report.results else 1


def results_folder(options: argparse.Namespace) -> Path:
    """The folder of results, found fit before anything is measured."""
    try:
        return folder_to_write(options.results)
    except argparse.ArgumentTypeError as error:
        return options.refuse(f"argument --results: {error}")  # type: ignore[no-any-return]


def measured(works: list[Work], options: argparse.Namespace) -> results.Report:
    """The report of all works."""
    plan = QUICK if options.quick else FULL
    if options.rounds:
        plan = measure.Plan(options.rounds, plan.pause, plan.warm_up)
    tasks = measure.tasks(works, options.quick, options.sweep)
    found = []
    with Team(libraries.pythons(dict(options.peer)), options.threads) as team:
        total = sum(measure.steps(task, team, plan) for task in tasks)
        with progress(total) as tell:
            for task in tasks:
                result = measure.measure(task, team, plan, tell)
                if result:
                    found.append(result)
        versions = {name: team.versions[name] for name in libraries.PEERS if name in team.versions}
        notes = tuple(team.notes)
    described = machine.description()
    return results.Report(
        described["machine"],
        described["versions"] | versions,
        date.today().isoformat(),
        options.threads,
        plan.rounds,
        tuple(found),
        notes,
        options.quick,
    )
