"""Operators on gradients of rows."""

from ..contenders.tables import Size
from ..works import Contender, Work
from .lineup import fbgemm, mindspore, ours, stored, tensorflow, torch

BATCH = Size(1_000_000, 64, 65_536)
NARROW = Size(2**22, 1, 100_000)

WORKS = [
    Work(
        "FusedSparseAdam",
        "Adam, every row takes the step",
        BATCH,
        (
            ours("FusedSparseAdam"),
            mindspore("FusedSparseAdam"),
            torch("dense", "Adam", "torch Adam fused, dense", fused=True),
        ),
        states=3,
        rows="every",
        sweep=True,
    ),
    Work(
        "FusedSparseLazyAdam",
        "Adam, the touched rows take the step",
        BATCH,
        (ours("FusedSparseLazyAdam"), mindspore("FusedSparseLazyAdam"), torch("sparse", "SparseAdam")),
        states=3,
        rows="touched",
        sweep=True,
    ),
    Work(
        "SparseApplyAdagrad",
        "Adagrad, touched rows",
        BATCH,
        (
            ours("SparseApplyAdagrad"),
            mindspore("SparseApplyAdagrad"),
            torch("sparse", "Adagrad"),
            fbgemm("EXACT_ADAGRAD"),
            tensorflow("AdagradV2", "sparse"),
        ),
        states=2,
        rows="touched",
    ),
    Work(
        "rowwise-adagrad",
        "Row-wise Adagrad, touched rows",
        BATCH,
        (Contender("fusedstep", "fusedstep", "rowwise_adagrad"), fbgemm("EXACT_ROWWISE_ADAGRAD")),
        states=1,
        rows="touched",
    ),
    Work(
        "FusedSparseFtrl",
        "FTRL, touched rows",
        BATCH,
        (ours("FusedSparseFtrl"), mindspore("FusedSparseFtrl"), tensorflow("Ftrl", "sparse")),
        states=3,
        rows="touched",
    ),
    Work(
        "FusedSparseProximalAdagrad",
        "Proximal Adagrad, touched rows",
        BATCH,
        (
            ours("FusedSparseProximalAdagrad"),
            mindspore("FusedSparseProximalAdagrad"),
            tensorflow("ProximalAdagrad", "sparse"),
        ),
        states=2,
        rows="touched",
    ),
    Work(
        "row-width-1",
        "Adam, touched rows of one element",
        NARROW,
        (ours("FusedSparseLazyAdam"), torch("sparse", "SparseAdam")),
        states=3,
        rows="touched",
    ),
    Work(
        "FusedSparseAdam-16-bit",
        "Adam, every row, in 16 bits (the limit: in 32)",
        BATCH,
        stored("FusedSparseAdam"),
        states=3,
        rows="every",
    ),
    Work(
        "FusedSparseLazyAdam-16-bit",
        "Adam, touched rows, in 16 bits (the limit: in 32)",
        BATCH,
        stored("FusedSparseLazyAdam"),
        states=3,
        rows="touched",
    ),
]
