"""Programs that train: whole steps, from the gradients of the last one to the update."""

from dataclasses import replace
from typing import Any

from ..libraries.data import Size
from ..training import TrainingWork
from ..works import Contender, Library
from .contenders import FUSEDSTEP_TORCH, TORCH

BAGS = Size(200_000, 32, 2_048, tables=8, ids=20)
# So large that losses change by much more than rounding does.
ADAM: dict[str, Any] = {"lr": 0.01, "eps": 1e-8}
ADAGRAD: dict[str, Any] = {"lr": 0.1, "eps": 1e-10}
SGD: dict[str, Any] = {"lr": 1.0}


def program(library: Library, label: str, like: str, call: str, **arguments: Any) -> Contender:
    """A contender in a process of its own; ``like`` is the label of the one that must have the same losses, or ""."""
    return Contender(label, replace(library, part=label), call, arguments, like=like)


def ours(optimizer: str, like: str, label: str = "", sparse: bool = True, **options: Any) -> Contender:
    """An optimizer of fusedstep.torch on tables of bags."""
    label = label or f"fusedstep {optimizer}"
    return program(FUSEDSTEP_TORCH, label, like, "bags", optimizer=optimizer, sparse=sparse, **options)


def torch(optimizer: str, label: str = "", sparse: bool = True, **options: Any) -> Contender:
    """An optimizer of torch.optim on tables of bags."""
    label = label or f"torch {optimizer}"
    return program(TORCH, label, "", "bags", optimizer=optimizer, sparse=sparse, **options)


WORKS = [
    TrainingWork(
        "bags",
        "A step of a model of bags",
        BAGS,
        (
            ours("SparseAdam", "torch SparseAdam", **ADAM),
            ours("SparseAdam", "torch SparseAdam", "fusedstep SparseAdam, stock", stock=True, **ADAM),
            ours("Adam", "torch Adam fused, dense", "fusedstep Adam, deferred", sparse=False, defer=True, **ADAM),
            ours("Adagrad", "torch Adagrad", **ADAGRAD),
            ours("RowwiseAdagrad", "", **ADAGRAD),
            ours("SGD", "torch SGD", **SGD),
            torch("SparseAdam", **ADAM),
            torch("Adam", "torch Adam fused, dense", sparse=False, fused=True, **ADAM),
            torch("Adagrad", **ADAGRAD),
            torch("SGD", **SGD),
        ),
    ),
]
