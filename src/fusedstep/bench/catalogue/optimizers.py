"""The PyTorch optimizers: the step alone, unless the title says otherwise."""

from ..libraries.data import Size
from ..works import Contender, Work
from .contenders import fused, fused_torch, torch

BATCH = Size(1_000_000, 64, 65_536)
CACHED = Size(4_000, 64, 2_000, law="uniform")
MOSTLY_TOUCHED = Size(20_000, 128, 28_000, law="uniform")
SQUARE = Size(4_000, 4_000)
PARAMETERS, SMALL = 100, Size(1, 1_000)
# Many batches: deferred rows need some steps between two lookups.
DEFERRED, DEFERRED_LONG = Size(1_000_000, 64, 65_536, batches=32), Size(10_000_000, 16, 65_536, batches=32)


def touched(name: str, title: str, size: Size, *contenders: Contender, repeat: int = 1) -> Work:
    """A step of the family of Adam, of the touched rows."""
    return Work(name, title, size, contenders, 3, "touched", repeat)


def sparse_adam(name: str, title: str, size: Size, repeat: int = 1) -> Work:
    """SparseAdam of both libraries."""
    both = fused_torch("sparse", "SparseAdam"), torch("sparse", "SparseAdam")
    return touched(name, title, size, *both, repeat=repeat)


def deferred(name: str, title: str, size: Size) -> Work:
    """Adam of every row, deferred, with and without the lookup."""
    return touched(
        name,
        title,
        size,
        fused_torch("lookup", "SparseAdam", "touched rows, step", timed=False),
        fused_torch("lookup", "Adam", "deferred, step", timed=False, defer=True),
        fused_torch("lookup", "SparseAdam", "touched rows, lookup and step", timed=True),
        fused_torch("lookup", "Adam", "deferred, lookup and step", timed=True, defer=True),
        fused_torch("lookup", "Adam", "every row, step", timed=False, rows="every"),
        fused("Adam", "torch Adam fused, dense"),
    )


def square(optimizer: str) -> Work:
    """An optimizer on a matrix."""
    title = f"The PyTorch optimizer {optimizer} on a matrix"
    return Work(f"torch-{optimizer}", title, SQUARE, (fused_torch("dense", optimizer), fused(optimizer)), states=3)


def small(optimizer: str) -> Work:
    """An optimizer on many small parameters."""
    contenders = (
        fused_torch("dense", optimizer, parameters=PARAMETERS),
        torch("dense", optimizer, f"torch {optimizer} foreach", parameters=PARAMETERS, foreach=True),
        torch("dense", optimizer, f"torch {optimizer} fused", parameters=PARAMETERS, fused=True),
    )
    title = f"{optimizer} on {PARAMETERS} parameters of {SMALL.width:,} elements, a parameter"
    return Work(f"small-{optimizer}", title, SMALL, contenders, repeat=50, parts=PARAMETERS)


WORKS = [
    sparse_adam("torch-SparseAdam", "The PyTorch optimizer SparseAdam", BATCH),
    sparse_adam("torch-SparseAdam-cached", "SparseAdam on a table that fits the cache", CACHED, repeat=20),
    deferred("deferred-adam", "Adam of every row, deferred", DEFERRED),
    deferred("deferred-adam-long", "Adam of every row, deferred, on a long table", DEFERRED_LONG),
    touched(
        "mostly-touched",
        "A cached table, most of it touched: the step",
        MOSTLY_TOUCHED,
        fused_torch("sparse", "SparseAdam"),
        fused_torch("sparse", "Adam"),
        fused("Adam", "torch Adam fused, dense"),
        repeat=5,
    ),
    touched(
        "mostly-touched-backward",
        "The same with the embedding's backward pass",
        MOSTLY_TOUCHED,
        fused_torch("training", "SparseAdam", sparse=True),
        fused_torch("training", "Adam", sparse=True),
        torch("training", "Adam", "torch Adam fused, dense", sparse=False, fused=True),
        repeat=5,
    ),
    *(square(optimizer) for optimizer in ("Adam", "AdamW")),
    *(small(optimizer) for optimizer in ("Adam", "SGD")),
]
