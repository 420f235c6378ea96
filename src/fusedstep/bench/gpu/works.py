"""What is measured on a device, and who takes part."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

import fusedstep as fs
from fusedstep import torch as fs_torch

from ..contenders.steps import Step
from ..contenders.tables import Size, distinct
from . import contenders, formulas
from .least_bytes import least_bytes
from .tables import Tables

COMPILED = "torch.compile"


@dataclass(frozen=True)
class Contender:
    """Who does a work.

    Attributes:
        label: what it is called beside the others of the work.
        library: the library that it comes from.
        prepare: gets its steps ready; they come in turn.
    """

    label: str
    library: str
    prepare: Callable[[Tables], Iterable[Step]]


@dataclass(frozen=True)
class Work:
    """One thing to measure; the first contender is the one that others are compared with.

    Attributes:
        name: what it is chosen by.
        title: what it is, in one line.
        rule: the rule whose states and gradient must be moved.
        rows: which rows take the step, as in ``LeastBytes``.
        contenders: who does it.
        law: how the rows of a batch are drawn.
        batches: how many batches come in turn; rows are to sleep for a while before they are named again.
        fixed: how large it is, whatever size is asked for; a smaller one is taken.
        host: whether the host's time of a step is measured, and not the device's.
    """

    name: str
    title: str
    rule: Callable[..., Any]
    rows: str
    contenders: tuple[Contender, ...]
    law: str = "zipf"
    batches: int = 6
    fixed: Size | None = None
    host: bool = False

    def size(self, rows: int, width: int, batch: int) -> Size:
        """How large it is, for tables and gradients of so many rows."""
        if self.fixed and self.fixed.rows <= rows:
            return self.fixed
        return Size(rows, width, 0 if self.rows == "all" else batch, self.law, self.batches)

    def least_bytes(self, size: Size) -> int:
        """What a step must move at least."""
        return least_bytes(self.rule, self.rows).total(size, distinct(size) if size.batch else 0)


def ours(prepare: Callable[..., Iterable[Step]], **arguments: Any) -> tuple[Contender, Contender]:
    """fusedstep on gradients of rows, whose indices are checked first or not."""
    return (
        Contender("fusedstep", "fusedstep", partial(prepare, **arguments)),
        Contender("fusedstep, unchecked indices", "fusedstep", partial(prepare, **arguments, check_indices=False)),
    )


def compiled(function: Callable[..., None], states: int = 3, **arguments: Any) -> Contender:
    """A formula in PyTorch's words."""
    prepare = partial(contenders.formula, function=function, states=states, **arguments)
    return Contender(COMPILED, COMPILED, prepare)


FUSED = Contender(
    "torch Adam fused, dense", "torch", partial(contenders.optimizer, name="Adam", sparse=False, fused=True)
)
SPARSE = Contender("torch SparseAdam", "torch", partial(contenders.optimizer, name="SparseAdam", sparse=True))
TOUCHED = (SPARSE, FUSED, compiled(formulas.adam_of_touched_rows, sparse=True))
LAZY = (*ours(contenders.operator, name="FusedSparseLazyAdam"), *TOUCHED)

# What tells most comes first: a run may be cut short.
WORKS = [
    Work("copy", "a copy from the GPU's memory to its memory", fs.rules.adam, "all", (), fixed=Size(1, 1)),
    Work(
        "host-dense",
        "the host's time of Adam, dense gradient",
        fs.rules.adam,
        "all",
        (Contender("fusedstep", "fusedstep", partial(contenders.operator, name="Adam")), FUSED),
        fixed=Size(64, 64),
        host=True,
    ),
    Work(
        "host-sparse",
        "the host's time of Adam, touched rows",
        fs.rules.adam,
        "touched",
        (*ours(contenders.operator, name="FusedSparseLazyAdam"), SPARSE),
        fixed=Size(64, 64, 64),
        host=True,
    ),
    Work(
        "dense-adam",
        "Adam, dense gradient",
        fs.rules.adam,
        "all",
        (
            Contender("fusedstep", "fusedstep", partial(contenders.operator, name="Adam")),
            FUSED,
            compiled(formulas.adam, sparse=False),
        ),
    ),
    Work("FusedSparseLazyAdam", "Adam, the touched rows take the step", fs.rules.adam, "touched", LAZY),
    Work(
        "FusedSparseAdam",
        "Adam, every row takes the step",
        fs.rules.adam,
        "every",
        (
            *ours(contenders.operator, name="FusedSparseAdam"),
            FUSED,
            compiled(formulas.adam_of_every_row, sparse=True),
        ),
    ),
    Work(
        "small-tensors",
        "Adam of 200 small tensors",
        fs.rules.adam,
        "all",
        (
            Contender("fusedstep", "fusedstep", partial(contenders.small_tensors, module=fs_torch)),
            Contender("torch Adam fused", "torch", partial(contenders.small_tensors, module=torch.optim, fused=True)),
            Contender(
                "torch Adam foreach", "torch", partial(contenders.small_tensors, module=torch.optim, foreach=True)
            ),
        ),
        fixed=Size(200, 1024),
    ),
    Work(
        "deferred-adam",
        "Adam of every row, deferred",
        fs.rules.adam,
        "deferred",
        (
            *ours(contenders.deferred_adam),
            SPARSE,
            FUSED,
            compiled(formulas.adam_of_every_row, sparse=True),
        ),
        batches=32,
    ),
    Work(
        "ApplyProximalAdagrad",
        "Proximal Adagrad, dense gradient",
        fs.rules.proximal_adagrad,
        "all",
        (
            Contender("fusedstep", "fusedstep", partial(contenders.operator, name="ApplyProximalAdagrad")),
            compiled(formulas.proximal_adagrad, states=2, sparse=False),
        ),
    ),
    Work(
        "rowwise-adagrad",
        "Row-wise Adagrad, touched rows",
        fs.rules.rowwise_adagrad,
        "touched",
        (
            *ours(contenders.rowwise_adagrad),
            SPARSE,
            FUSED,
            compiled(formulas.rowwise_adagrad, sparse=True, by_row=True),
        ),
    ),
    Work("uniform-lazy-adam", "The same, all rows equally likely", fs.rules.adam, "touched", LAZY, law="uniform"),
]
