"""The PyTorch optimizers, the step alone where nothing else is said."""

from ..contenders.tables import Size
from ..works import Work
from .lineup import fused_torch, torch

BATCH = Size(1_000_000, 64, 65_536)
CACHED = Size(4_000, 64, 2_000, law="uniform")
MOSTLY_TOUCHED = Size(20_000, 128, 28_000, law="uniform")
SQUARE = Size(4_000, 4_000)
PARAMETERS, SMALL = 100, Size(1, 64)
# Many batches: rows are to sleep for a while before they are named again.
SLEEPING, SLEEPING_LONG = Size(1_000_000, 64, 65_536, batches=32), Size(10_000_000, 16, 65_536, batches=32)

WORKS = [
    Work(
        "torch-SparseAdam",
        "The PyTorch optimizer SparseAdam",
        BATCH,
        (fused_torch("sparse", "SparseAdam"), torch("sparse", "SparseAdam")),
        states=3,
        rows="touched",
    ),
    Work(
        "torch-SparseAdam-cached",
        "SparseAdam on a table that fits the cache",
        CACHED,
        (fused_torch("sparse", "SparseAdam"), torch("sparse", "SparseAdam")),
        states=3,
        rows="touched",
        repeat=20,
    ),
    *(
        Work(
            name,
            title,
            size,
            (
                fused_torch("lookup", "SparseAdam", "touched rows, step", timed=False),
                fused_torch("lookup", "Adam", "deferred, step", timed=False, defer=True),
                fused_torch("lookup", "SparseAdam", "touched rows, lookup and step", timed=True),
                fused_torch("lookup", "Adam", "deferred, lookup and step", timed=True, defer=True),
                fused_torch("lookup", "Adam", "every row, step", timed=False, rows="every"),
                torch("dense", "Adam", "torch Adam fused, dense", fused=True),
            ),
            states=3,
            rows="touched",
        )
        for name, title, size in (
            ("deferred-adam", "Adam of every row, deferred", SLEEPING),
            ("deferred-adam-long", "Adam of every row, deferred, on a long table", SLEEPING_LONG),
        )
    ),
    Work(
        "mostly-touched",
        "A cached table, most of it touched: the step",
        MOSTLY_TOUCHED,
        (
            fused_torch("sparse", "SparseAdam"),
            fused_torch("sparse", "Adam"),
            torch("dense", "Adam", "torch Adam fused, dense", fused=True),
        ),
        states=3,
        rows="touched",
        repeat=5,
    ),
    Work(
        "mostly-touched-backward",
        "The same with the embedding's backward pass",
        MOSTLY_TOUCHED,
        (
            fused_torch("training", "SparseAdam", sparse=True),
            fused_torch("training", "Adam", sparse=True),
            torch("training", "Adam", "torch Adam fused, dense", sparse=False, fused=True),
        ),
        states=3,
        rows="touched",
        repeat=5,
    ),
    *(
        Work(
            f"torch-{optimizer}",
            f"The PyTorch optimizer {optimizer} on a matrix",
            SQUARE,
            (
                fused_torch("dense", optimizer),
                torch("dense", optimizer, f"torch {optimizer} fused", fused=True),
            ),
            states=3,
        )
        for optimizer in ("Adam", "AdamW")
    ),
    *(
        Work(
            f"small-{optimizer}",
            f"{optimizer} on {PARAMETERS} parameters of {SMALL.width}, time a parameter",
            SMALL,
            (
                fused_torch("dense", optimizer, parameters=PARAMETERS),
                torch("dense", optimizer, f"torch {optimizer} foreach", parameters=PARAMETERS, foreach=True),
            ),
            repeat=50,
            parts=PARAMETERS,
        )
        for optimizer in ("Adam", "SGD")
    ),
]
