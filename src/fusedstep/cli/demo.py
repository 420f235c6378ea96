"""``fusedstep demo``: trains a classifier of handwritten digits with several optimizers and compares them."""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .extras import require
from .options import file_to_write, thread_count
from .progress import progress

PACKAGES = {"rich": "rich", "matplotlib": "matplotlib", "sklearn": "scikit-learn"}
PICTURE_TYPES = (".png", ".pdf", ".svg")
BATCH = 64


@dataclass(frozen=True)
class Plan:
    """How much is run: the steps of each optimizer, and the l1 penalties."""

    steps: int
    penalties: tuple[float, ...]


FULL = Plan(176, (0.0, 0.01, 0.03, 0.1, 0.3, 1.0))
QUICK = Plan(22, (0.0, 0.1, 1.0))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The subcommand's options."""
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer steps and penalties: seconds instead of a minute")
    add("--json", action="store_true", help="print the result as JSON, and nothing else")
    add("--output", type=picture_file, default="demo.png", metavar="FILE", help="the picture (default: %(default)s)")
    add("--threads", type=thread_count, metavar="N", help="run on N threads (default: as many as there are CPUs)")


def picture_file(text: str) -> Path:
    """A file that a picture can be saved to: better said now than after a minute's work."""
    path = Path(text)
    if path.suffix.lower() not in PICTURE_TYPES:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a name that ends in {', '.join(PICTURE_TYPES)}")
    return file_to_write(text)


def run(options: argparse.Namespace) -> int:
    """Trains with every optimizer that can run here, then prints the comparison and saves the picture."""
    require("fusedstep demo", "demo", PACKAGES)
    from rich.console import Console

    from ..runtime.cpu.threads import set_num_threads
    from . import contenders, digits, plots, summary, torch_contender, training

    if options.threads:
        set_num_threads(options.threads)
    plan = QUICK if options.quick else FULL
    task = digits.load()
    schedule = digits.batches(task, BATCH, plan.steps)
    console = Console(quiet=options.json, highlight=False)
    console.print(summary.introduction(task, schedule))
    competing = [*contenders.fused(plan.penalties), *torch_contender.installed()]
    with progress(len(competing) * plan.steps) as advance:
        results = [
            training.train(contender, task, schedule, partial(advance, contender.label, 1)) for contender in competing
        ]
    plots.save(results, plan.steps, options.output)
    console.print(summary.table(results))
    console.print(summary.notes(results))
    console.print(f"Picture: {options.output}", soft_wrap=True)
    if options.json:
        print(summary.as_json(results, task, schedule, options.output))
    return 0
