"""Operators on sparse gradients."""

from ..libraries.data import Size
from ..works import Contender, Work
from .contenders import FUSEDSTEP, fused, ours, stored, torch

BATCH = Size(1_000_000, 64, 65_536)
NARROW = Size(2**22, 1, 100_000)


def touched(name: str, title: str, states: int, *contenders: Contender, size: Size = BATCH) -> Work:
    """A step of the touched rows."""
    return Work(name, title, size, contenders, states, "touched")


def every(name: str, title: str, states: int, *contenders: Contender) -> Work:
    """A step of every row."""
    return Work(name, title, BATCH, contenders, states, "every")


WORKS = [
    every(
        "FusedSparseAdam",
        "Adam, every row takes the step",
        3,
        ours("FusedSparseAdam"),
        fused("Adam", "torch Adam fused, dense"),
    ),
    touched(
        "FusedSparseLazyAdam",
        "Adam, the touched rows take the step",
        3,
        ours("FusedSparseLazyAdam"),
        torch("sparse", "SparseAdam"),
    ),
    touched("SparseApplyAdagrad", "Adagrad, touched rows", 2, ours("SparseApplyAdagrad"), torch("sparse", "Adagrad")),
    touched(
        "rowwise-adagrad",
        "Row-wise Adagrad, touched rows",
        1,
        Contender("fusedstep", FUSEDSTEP, "rowwise_adagrad"),
    ),
    touched("FusedSparseFtrl", "FTRL, touched rows", 3, ours("FusedSparseFtrl")),
    touched("FusedSparseProximalAdagrad", "Proximal Adagrad, touched rows", 2, ours("FusedSparseProximalAdagrad")),
    touched(
        "row-width-1",
        "Adam, touched rows of one element",
        3,
        ours("FusedSparseLazyAdam"),
        torch("sparse", "SparseAdam"),
        size=NARROW,
    ),
    every("FusedSparseAdam-16-bit", "Adam, every row, in 16 bits (the limit: in 32)", 3, *stored("FusedSparseAdam")),
    touched(
        "FusedSparseLazyAdam-16-bit",
        "Adam, touched rows, in 16 bits (the limit: in 32)",
        3,
        *stored("FusedSparseLazyAdam"),
    ),
]
