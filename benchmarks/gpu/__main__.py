"""Times the operators on a GPU beside PyTorch's optimizers, and beside the bandwidth of its memory.

    python -m benchmarks.gpu                some minutes; the result is saved in benchmarks/results/
    python -m benchmarks.gpu --interpret    tiny sizes in Triton's interpreter, a test that everything runs

Contenders take one step each in turn. Before each step, more memory than the GPU's cache holds is overwritten.
Contenders share one table and its states; the values in them do not affect the times.
"""

import argparse
import sys
from contextlib import suppress
from dataclasses import replace

from benchmarks import saved

from fusedstep.bench import tables
from fusedstep.cli.extras import MissingExtraError, require
from fusedstep.cli.options import folder_to_write, thread_count
from fusedstep.cli.progress import progress

from . import measure
from .lost import DeviceLostError
from .measure import FULL, NOT_TIMED, TINY, Settings

NO_GPU = "PyTorch finds no GPU on this machine; --interpret runs tiny sizes in Triton's interpreter"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("works", nargs="*", metavar="WORK", help="what to measure (default: everything)")
    add("--rows", type=thread_count, default=FULL.rows, help="rows of the table (default: %(default)s, or what fits)")
    add("--width", type=thread_count, default=FULL.width, help="float32 elements in a row (default: %(default)s)")
    add("--batch", type=thread_count, default=FULL.batch, help="rows of a sparse gradient (default: %(default)s)")
    add("--rounds", type=thread_count, default=FULL.rounds, help="times that each is timed (default: %(default)s)")
    add("--results", type=folder_to_write, metavar="FOLDER", help=f"where to save it (default: {saved.RESULTS})")
    add("--interpret", action="store_true", help="tiny sizes in Triton's interpreter; saved only with --results")
    return parser


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that options choose."""
    if options.interpret:
        return replace(TINY, works=options.works)
    return Settings(options.works, options.rows, options.width, options.batch, options.rounds)


def unknown(names: list[str]) -> str:
    """A sentence about names that are not works; "" if all are."""
    from .works import NAMES

    wrong = [name for name in names if name not in NAMES]
    return f"{', '.join(wrong)}: not a work; expected some of {', '.join(NAMES)}" if wrong else ""


def refused(sentence: str) -> int:
    """Print why nothing is measured."""
    print(f"benchmarks.gpu: {sentence}", file=sys.stderr)
    return 2


def main() -> int:
    options = parser().parse_args()
    measure.choose_interpreter(options.interpret)
    try:
        require("benchmarks.gpu", "gpu", {"torch": "torch", "triton": "triton"})
    except MissingExtraError as error:
        return refused(str(error))
    import torch

    if not options.interpret and not torch.cuda.is_available():
        return refused(NO_GPU)
    wrong = unknown(options.works)
    if wrong:
        return refused(wrong)
    if options.interpret:
        print(NOT_TIMED)
    settings = settings_of(options)
    measure.prepare(settings)
    works = measure.chosen(settings)
    report = measure.empty_report(settings)
    steps = settings.rounds * sum(len(each.contenders) + (not each.host) for each in works)
    with progress(steps) as advance, suppress(DeviceLostError):
        for latest in measure.measured(settings, advance):
            report = latest
    print(tables.text(report))
    if options.results or not options.interpret:
        print(f"Saved: {saved.save(report, options.results or saved.RESULTS)}")
    complete = len(report.results) == len(works)
    return 0 if complete and all(result.timings[0].seconds for result in report.results) else 1


if __name__ == "__main__":
    sys.exit(main())
