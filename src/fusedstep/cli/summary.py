"""The demo in words, as a table and as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ..runtime.cpu.threads import get_num_threads
from . import machine
from .digits import CLASSES, SEED, TABLE_ROWS, Digits
from .torch_contender import SPARSE_ADAM
from .training import Result


def introduction(digits: Digits, schedule: Sequence[np.ndarray]) -> str:
    """What is trained, and what is compared."""
    pictures, ids = digits.ids.shape
    batch = len(schedule[0])
    return (
        f"Softmax regression on {pictures:,} pictures of handwritten digits: every pixel and every pair of pixels is "
        f"hashed to one of {TABLE_ROWS:,} rows of {CLASSES} weights, and the {ids:,} rows that a picture names "
        f"add up to its answer.\n"
        f"Each optimizer starts from zero and takes the same {len(schedule)} steps of {batch} pictures: "
        f"{batch * ids:,} gradient rows a step, many of them for the same row of the table.\n"
        f"Compared are the time inside the optimizer ({counted(get_num_threads())}), the accuracy on "
        f"{len(digits.test)} pictures held out, how many weights are not zero, and how far they are from the same "
        "rule in float64."
    )


def counted(threads: int) -> str:
    """A number of threads in words."""
    return f"{threads} thread{'s' * (threads != 1)}"


def table(results: Sequence[Result]) -> Table:
    """The comparison, narrow enough for 80 columns."""
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    drawn.add_column("optimizer", no_wrap=True)
    for title in ("l1", "ms per\nstep", "test\naccuracy", "non-zero\nweights", "largest\ndifference\nfrom rule"):
        drawn.add_column(title, justify="right", no_wrap=True)
    for result in results:
        drawn.add_row(
            result.contender.name,
            "" if result.contender.l1 is None else f"{result.contender.l1:g}",
            f"{result.milliseconds:.1f}",
            f"{result.accuracy:.1%}",
            f"{result.nonzero:,}",
            f"{result.difference:.1e}",
        )
    return drawn


def notes(results: Sequence[Result]) -> str:
    """What a reader of the table should know."""
    largest = max(result.largest for result in results)
    peer = f"PyTorch is not installed, so {SPARSE_ADAM} is left out."
    for result in results:
        if result.contender.name == SPARSE_ADAM:
            threads = counted(result.contender.threads)
            peer = f"{SPARSE_ADAM} has FusedSparseLazyAdam's rule, and {threads}: one or all, whichever was faster."
    return (
        f"FusedSparseAdam takes a step with all {TABLE_ROWS:,} rows, the others with those that the batch names. "
        f"{peer} Milliseconds are medians. The last column: how far the trained weights are from those of the NumPy "
        f"rule in float64 that was given the same gradients; the largest weight of all is {largest:.2g}."
    )


def as_json(results: Sequence[Result], digits: Digits, schedule: Sequence[np.ndarray], picture: Path) -> str:
    """Everything, for a program to read."""
    pictures, ids = digits.ids.shape
    content = {
        **machine.description(),
        "threads": get_num_threads(),
        "task": {
            "pictures": pictures,
            "train_pictures": len(digits.train),
            "test_pictures": len(digits.test),
            "ids_per_picture": ids,
            "table_rows": TABLE_ROWS,
            "classes": CLASSES,
            "rows_occurring": len(digits.occurring),
            "batch": len(schedule[0]),
            "steps": len(schedule),
            "seed": SEED,
        },
        "results": [
            {
                "optimizer": result.contender.name,
                "rows": result.contender.rows,
                "l1": result.contender.l1,
                "threads": result.contender.threads,
                "milliseconds_per_step": result.milliseconds,
                "test_accuracy": result.accuracy,
                "nonzero_weights": result.nonzero,
                "largest_weight": result.largest,
                "largest_difference_from_float64": result.difference,
            }
            for result in results
        ],
        "picture": str(picture),
    }
    return json.dumps(content, indent=2)
