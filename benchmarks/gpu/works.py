"""What is measured on a device, and the contenders of each work."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

import fusedstep as fs
from fusedstep import torch as fs_torch
from fusedstep.bench.libraries.data import Size, distinct
from fusedstep.bench.libraries.steps import Step
from fusedstep.bench.works import Contender, Library, Work

from . import formulas, steps
from .least_bytes import least_bytes

FUSEDSTEP = Library("fusedstep", "fusedstep", peer=False)
TORCH = Library("torch", "PyTorch")
COMPILED = Library("torch.compile", "torch.compile")


@dataclass(frozen=True)
class GpuWork(Work):
    """One thing to measure on a device.

    Attributes:
        rule: the rule whose states and gradient must be moved.
        host: whether the time of the host is measured, not that of the device.
        bag: how many indices share a row of the gradient.
    """

    rule: Callable[..., Any] = fs.rules.adam
    host: bool = False
    bag: int = 1

    def least_bytes(self, contender: Contender) -> int | None:
        """The least bytes that a contender's step moves; None where the host's time is measured."""
        if self.host:
            return None
        named = distinct(self.size) if self.size.batch else 0
        return contender.moved or least_bytes(self.rule, self.rows).total(self.size, named, self.bag)


def ours(prepare: Callable[..., Iterable[Step]], **arguments: Any) -> Contender:
    """An operator of fusedstep."""
    return Contender("fusedstep", FUSEDSTEP, prepare, arguments)


def checked_or_not(prepare: Callable[..., Iterable[Step]], **arguments: Any) -> tuple[Contender, Contender]:
    """An operator of fusedstep on sparse gradients, with and without the check of indices."""
    unchecked = arguments | {"check_indices": False}
    return ours(prepare, **arguments), Contender("fusedstep, unchecked indices", FUSEDSTEP, prepare, unchecked)


def compiled(function: Callable[..., None], sparse: bool, states: int = 3, by_row: bool = False) -> Contender:
    """A formula under torch.compile."""
    arguments = {"function": function, "states": states, "sparse": sparse, "by_row": by_row}
    return Contender("torch.compile", COMPILED, steps.formula, arguments, slow=True)


def small(label: str, library: Library, module: Any, **options: Any) -> Contender:
    """Adam of small parameters."""
    return Contender(label, library, partial(steps.small_tensors, module=module), options)


SMALL = (
    small("fusedstep", FUSEDSTEP, fs_torch),
    small("torch Adam fused", TORCH, torch.optim, fused=True),
    small("torch Adam foreach", TORCH, torch.optim, foreach=True),
)
TABLES = (
    ours(steps.several_tables, module=fs_torch),
    Contender("torch SparseAdam", TORCH, steps.several_tables, {"module": torch.optim}),
)
FUSED = Contender("torch Adam fused, dense", TORCH, steps.optimizer, {"name": "Adam", "sparse": False, "fused": True})
SPARSE = Contender("torch SparseAdam", TORCH, steps.optimizer, {"name": "SparseAdam", "sparse": True})
DENSE_ADAM = ours(steps.operator, name="Adam")
LAZY_ADAM = checked_or_not(steps.operator, name="FusedSparseLazyAdam")
LAZY = (*LAZY_ADAM, SPARSE, FUSED, compiled(formulas.adam_of_touched_rows, sparse=True))
DENSE_FORMULA = compiled(formulas.adam, sparse=False)
BAG = 20
OF_BAGS = {"name": "FusedSparseLazyAdam", "bag": BAG}
LAZY_BAGS = (
    *checked_or_not(steps.bags, **OF_BAGS),
    Contender("fusedstep, weights", FUSEDSTEP, steps.bags, OF_BAGS | {"weighted": True}),
    Contender("fusedstep, expanded", FUSEDSTEP, steps.expanded_bags, OF_BAGS),
)
COUNTED_THERE = Contender(
    "fusedstep, counted on the device",
    FUSEDSTEP,
    steps.deferred_adam,
    {"check_indices": False, "counted_there": True},
)
EVERY_ROW = compiled(formulas.adam_of_every_row, sparse=True)


def smaller(one: Size, other: Size) -> Size:
    """The size with fewer rows."""
    return min(one, other, key=lambda size: size.rows)


def works(rows: int, width: int, batch: int) -> list[GpuWork]:
    """All works for a table and a sparse gradient of some size. The most informative come first: time may be short."""
    table, sparse = Size(rows, width), Size(rows, width, batch)
    return [
        GpuWork("copy", "a copy from the GPU's memory to its memory", Size(1, 1), ()),
        GpuWork(
            "host-dense",
            "the host's time of Adam, dense gradient",
            smaller(Size(64, 64), table),
            (DENSE_ADAM, FUSED),
            host=True,
        ),
        GpuWork(
            "host-sparse",
            "the host's time of Adam, touched rows",
            smaller(Size(64, 64, 64), sparse),
            (*LAZY_ADAM, SPARSE),
            rows="touched",
            host=True,
        ),
        GpuWork(
            "host-optimizer",
            "the host's time of a step of Adam with 200 small tensors",
            smaller(Size(200, 64), table),
            SMALL,
            host=True,
        ),
        GpuWork(
            "host-tables",
            "the host's time of a step of SparseAdam with 26 tables",
            smaller(Size(1040, 64, 260), sparse),
            TABLES,
            rows="touched",
            host=True,
        ),
        GpuWork(
            "dense-adam", "Adam, dense gradient", table, (DENSE_ADAM, FUSED, compiled(formulas.adam, sparse=False))
        ),
        GpuWork("FusedSparseLazyAdam", "Adam, the touched rows take the step", sparse, LAZY, rows="touched"),
        GpuWork(
            "FusedSparseAdam",
            "Adam, every row takes the step",
            sparse,
            (*checked_or_not(steps.operator, name="FusedSparseAdam"), FUSED, EVERY_ROW),
            rows="every",
        ),
        GpuWork(
            "bags-lazy-adam",
            "Adam, the touched rows take the step, bags of 20 indices",
            sparse,
            LAZY_BAGS,
            rows="touched",
            bag=BAG,
        ),
        GpuWork(
            "small-tensors",
            "Adam of 200 small tensors",
            smaller(Size(200, 1024), table),
            SMALL,
        ),
        GpuWork("tables", "SparseAdam of 26 tables, the touched rows take the step", sparse, TABLES, rows="touched"),
        GpuWork(
            "deferred-adam",
            "Adam of every row, deferred",
            # Many batches: deferred rows need some steps between two lookups.
            Size(rows, width, batch, batches=32),
            (*checked_or_not(steps.deferred_adam), COUNTED_THERE, SPARSE, FUSED, EVERY_ROW),
            rows="deferred",
        ),
        GpuWork(
            "ApplyProximalAdagrad",
            "Proximal Adagrad, dense gradient",
            table,
            (
                ours(steps.operator, name="ApplyProximalAdagrad"),
                compiled(formulas.proximal_adagrad, states=2, sparse=False),
            ),
            rule=fs.rules.proximal_adagrad,
        ),
        GpuWork(
            "rowwise-adagrad",
            "Row-wise Adagrad, touched rows",
            sparse,
            (
                *checked_or_not(steps.rowwise_adagrad),
                SPARSE,
                FUSED,
                compiled(formulas.rowwise_adagrad, sparse=True, by_row=True),
            ),
            rows="touched",
            rule=fs.rules.rowwise_adagrad,
        ),
        GpuWork("lamb", "LAMB, dense gradient", table, (ours(steps.lamb),), rule=fs.rules.lamb),
        GpuWork(
            "uniform-lazy-adam",
            "The same, all rows equally likely",
            Size(rows, width, batch, "uniform"),
            LAZY,
            rows="touched",
        ),
    ]


NAMES = [work.name for work in works(1, 1, 1)]
