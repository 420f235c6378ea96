"""Programs that train: whole steps, from the gradients of the last one to the update."""

from dataclasses import replace

from ..libraries.data import Size
from ..training import TrainingWork
from ..works import Contender
from .contenders import fused_torch, torch

BAGS = Size(200_000, 32, 2_048, tables=8, ids=20)
# So large that losses change by much more than rounding does.
ADAM = {"lr": 0.01, "eps": 1e-8}
ADAGRAD = {"lr": 0.1, "eps": 1e-10}
SGD = {"lr": 1.0}


def apart(contender: Contender, like: str = "") -> Contender:
    """A contender in a process of its own, and the one that has the same losses."""
    return replace(contender, library=replace(contender.library, part=contender.label), like=like)


WORKS = [
    TrainingWork(
        "bags",
        "A model of bags, milliseconds",
        BAGS,
        (
            apart(fused_torch("bags", "SparseAdam", sparse=True, **ADAM), "torch SparseAdam"),
            apart(
                fused_torch("bags", "SparseAdam", "fusedstep SparseAdam, stock", sparse=True, stock=True, **ADAM),
                "torch SparseAdam",
            ),
            apart(
                fused_torch("bags", "Adam", "fusedstep Adam, deferred", sparse=False, defer=True, **ADAM),
                "torch Adam fused, dense",
            ),
            apart(fused_torch("bags", "Adagrad", sparse=True, **ADAGRAD), "torch Adagrad"),
            apart(fused_torch("bags", "RowwiseAdagrad", sparse=True, **ADAGRAD)),
            apart(fused_torch("bags", "SGD", sparse=True, **SGD), "torch SGD"),
            apart(torch("bags", "SparseAdam", sparse=True, **ADAM)),
            apart(torch("bags", "Adam", "torch Adam fused, dense", sparse=False, fused=True, **ADAM)),
            apart(torch("bags", "Adagrad", sparse=True, **ADAGRAD)),
            apart(torch("bags", "SGD", sparse=True, **SGD)),
        ),
    ),
]
