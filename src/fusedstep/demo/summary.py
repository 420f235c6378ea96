"""The demo's report: text, a table and JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ..runtime.cpu.threads import get_num_threads
from .digits import CLASSES, SEED, TABLE_ROWS, Digits
from .torch_optimizer import SPARSE_ADAM
from .training import Result


def introduction(digits: Digits, schedule: Sequence[np.ndarray]) -> str:
    """Describe what is trained and compared."""
    pictures, ids = digits.ids.shape
    batch = len(schedule[0])
    return (
        f"Softmax regression on {pictures:,} pictures of handwritten digits: every pixel and every pair of pixels is "
        f"hashed to one of {TABLE_ROWS:,} rows of {CLASSES} weights. The sum of a picture's {ids:,} rows "
        f"is its answer.\n"
        f"Each optimizer starts from zero and takes the same {len(schedule)} steps of {batch} pictures: "
        f"{batch * ids:,} gradient rows a step, many of them for the same row of the table.\n"
        f"Compared are the time in the optimizer ({thread_phrase(get_num_threads())}), the accuracy on "
        f"{len(digits.test)} held-out pictures, the number of non-zero weights, and their difference from the same "
        "rule in float64."
    )


def thread_phrase(threads: int) -> str:
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
            result.optimizer.name,
            "" if result.optimizer.l1 is None else f"{result.optimizer.l1:g}",
            f"{result.milliseconds:.1f}",
            f"{result.accuracy:.1%}",
            f"{result.nonzero:,}",
            f"{result.difference:.1e}",
        )
    return drawn


def notes(results: Sequence[Result]) -> str:
    """Notes on the table."""
    largest = max(result.largest for result in results)
    peer = f"PyTorch is not installed, so {SPARSE_ADAM} is left out."
    for result in results:
        if result.optimizer.name == SPARSE_ADAM:
            threads = thread_phrase(result.optimizer.threads)
            peer = f"{SPARSE_ADAM} has FusedSparseLazyAdam's rule and {threads}: one or all, whichever is faster."
    return (
        f"FusedSparseAdam takes a step with all {TABLE_ROWS:,} rows, the others with the rows of the batch. "
        f"{peer} Milliseconds are medians. The last column: the largest difference between the trained weights and "
        f"those of the NumPy rule in float64 for the same gradients; the largest weight is {largest:.2g}."
    )


def as_json(
    machine: Mapping[str, Any], results: Sequence[Result], digits: Digits, schedule: Sequence[np.ndarray], picture: Path
) -> str:
    """The whole result as JSON, beside the description of the machine."""
    pictures, ids = digits.ids.shape
    content = {
        **machine,
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
                "optimizer": result.optimizer.name,
                "rows": result.optimizer.rows,
                "l1": result.optimizer.l1,
                "threads": result.optimizer.threads,
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
