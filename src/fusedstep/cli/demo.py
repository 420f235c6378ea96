"""``fusedstep demo``: trains a classifier of handwritten digits with several optimizers and compares them."""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .extras import require
from .machine import description
from .options import file_to_write, thread_count
from .progress import progress

PACKAGES = {"rich": "rich", "matplotlib": "matplotlib", "sklearn": "scikit-learn"}
PICTURE_TYPES = (".png", ".pdf", ".svg")
BATCH = 64


@dataclass(frozen=True)
class Scope:
    """What is run: the number of steps of each optimizer, and the l1 penalties."""

    steps: int
    penalties: tuple[float, ...]


FULL = Scope(176, (0.0, 0.01, 0.03, 0.1, 0.3, 1.0))
QUICK = Scope(22, (0.0, 0.1, 1.0))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer steps and penalties: seconds instead of a minute")
    add("--json", action="store_true", help="print only the result, as JSON")
    add("--output", type=picture_file, default="demo.png", metavar="FILE", help="the picture (default: %(default)s)")
    add("--threads", type=thread_count, metavar="N", help="run on N threads (default: the number of CPUs)")


def picture_file(text: str) -> Path:
    """Parse the name of a picture, before a minute of work."""
    path = Path(text)
    if path.suffix.lower() not in PICTURE_TYPES:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a name that ends in {', '.join(PICTURE_TYPES)}")
    return file_to_write(text)


def run(options: argparse.Namespace) -> int:
    """Train with every optimizer that is available, print the comparison and save the picture."""
    require("fusedstep demo", "demo", PACKAGES)
    from rich.console import Console

    from ..demo import digits, optimizers, plots, summary, torch_optimizer, training
    from ..runtime.cpu.threads import set_num_threads

    if options.threads:
        set_num_threads(options.threads)
    scope = QUICK if options.quick else FULL
    data = digits.load()
    schedule = digits.batches(data, BATCH, scope.steps)
    console = Console(quiet=options.json, highlight=False)
    console.print(summary.introduction(data, schedule))
    compared = [*optimizers.fused(scope.penalties), *torch_optimizer.installed()]
    with progress(len(compared) * scope.steps) as advance:
        results = [training.train(each, data, schedule, partial(advance, each.label, 1)) for each in compared]
    plots.save(results, scope.steps, options.output)
    console.print(summary.table(results))
    console.print(summary.notes(results))
    console.print(f"Picture: {options.output}", soft_wrap=True)
    if options.json:
        print(summary.as_json(description(), results, data, schedule, options.output))
    return 0
