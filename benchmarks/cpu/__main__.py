"""``fusedstep bench`` with more libraries and works, sweeps over sizes, and saved results.

    python -m benchmarks.cpu --peer mindspore=/path/to/python

The other options are those of ``fusedstep bench``.
"""

import argparse
import sys
from functools import partial

from benchmarks import saved

from fusedstep.bench import tables
from fusedstep.bench.processes import here
from fusedstep.cli import bench
from fusedstep.cli.options import folder_to_write

from . import sweeps
from .environments import peer
from .works import GROUPS, LIBRARIES, PEERS


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.cpu", description=__doc__.partition("\n")[0])
    bench.add_options(parser, GROUPS)
    add = parser.add_argument
    add(
        "--peer",
        action="append",
        default=[],
        type=partial(peer, PEERS),
        metavar="NAME=PYTHON",
        help=f"run a library with the python of another environment; NAME is one of {', '.join(PEERS)}",
    )
    add("--sweep", action="store_true", help="also vary table size, batch size and row width; doubles the time")
    add("--save", action="store_true", help="write the result to this machine's file in the folder of results")
    add("--results", type=folder_to_write, default=saved.RESULTS, metavar="FOLDER", help="with --save: that folder")
    return parser.parse_args()


def main() -> int:
    """Measure, then print, write, draw and save the results."""
    options = parsed()
    works = bench.chosen(options)
    if options.list:
        print(tables.listing(works))
        return 0
    pythons = here(LIBRARIES) | dict(options.peer)
    report = bench.measured(sweeps.with_sweeps(works) if options.sweep else works, pythons, options)
    missing = ", ".join(name for name in PEERS if name not in pythons)
    hint = f"Not installed here: {missing}; --peer NAME=PYTHON names an environment that has one."
    print(tables.text(report, sweeps.tables(report), [hint] * bool(missing)))
    bench.write(report, options, GROUPS)
    if options.plot:
        from fusedstep.bench import plots

        from . import sweep_plots

        for file in plots.save(sweep_plots.figures(report), options.plot):
            print(f"Picture: {file}")
    if options.save:
        print(f"Saved: {saved.save(report, options.results)}")
    return bench.status(report)


if __name__ == "__main__":
    sys.exit(main())
