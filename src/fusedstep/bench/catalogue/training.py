"""Programs that train: whole steps, from the gradients of the last one to the update."""

from dataclasses import replace
from typing import Any

from ..libraries.data import Size
from ..training import TrainingWork
from ..works import Contender, Library
from .contenders import FUSEDSTEP_TORCH, TORCH

# So large that losses change by much more than rounding does.
ADAM: dict[str, Any] = {"lr": 0.01, "eps": 1e-8}
ADAGRAD: dict[str, Any] = {"lr": 0.1, "eps": 1e-10}
SGD: dict[str, Any] = {"lr": 1.0}
SPARSE: dict[str, Any] = {"settings": {"sparse": True}}
DENSE: dict[str, Any] = {"settings": {"sparse": False}}
ONE_TABLE: dict[str, Any] = {"settings": {"sparse": True, "one_table": True}}


def own_process(library: Library, label: str, like: str, call: str, **arguments: Any) -> Contender:
    """A contender in a process of its own; ``like`` is the label of the one that must have the same losses, or ""."""
    return Contender(label, replace(library, part=label), call, arguments, like=like)


def ours(optimizer: str, like: str = "", label: str = "", **options: Any) -> Contender:
    """An optimizer of fusedstep.torch."""
    return own_process(
        FUSEDSTEP_TORCH, label or f"fusedstep {optimizer}", like, "trained", optimizer=optimizer, **options
    )


def torch(optimizer: str, label: str = "", **options: Any) -> Contender:
    """An optimizer of torch.optim."""
    return own_process(TORCH, label or f"torch {optimizer}", "", "trained", optimizer=optimizer, **options)


def training(name: str, program: str, title: str, size: Size, *contenders: Contender) -> TrainingWork:
    """A program, by the name of its file in ``libraries``."""
    joined = (replace(each, arguments={**each.arguments, "program": program}) for each in contenders)
    return TrainingWork(name, title, size, tuple(joined))


DENSE_ADAM = torch("Adam", "torch Adam fused, dense", fused=True, **DENSE, **ADAM)
DEFERRED = ours("Adam", DENSE_ADAM.label, "fusedstep Adam, deferred", defer=True, **DENSE, **ADAM)
SPARSE_ADAM = torch("SparseAdam", **SPARSE, **ADAM)
OUR_SPARSE_ADAM = ours("SparseAdam", SPARSE_ADAM.label, **SPARSE, **ADAM)
STOCK_SPARSE_ADAM = ours("SparseAdam", SPARSE_ADAM.label, "fusedstep SparseAdam, stock", stock=True, **SPARSE, **ADAM)
# The tables have one optimizer, and the layers another one: torch's SparseAdam takes no dense gradient.
TWO_ADAMS = torch("SparseAdam", "torch SparseAdam + Adam", beside="Adam", **SPARSE, **ADAM)


def two_adams(label: str, **options: Any) -> Contender:
    """SparseAdam of tables and Adam of layers."""
    return ours("SparseAdam", TWO_ADAMS.label, label, beside="Adam", **{**SPARSE, **ADAM, **options})


WORKS = [
    training(
        "bags",
        "bag_model",
        "A step of a model of bags",
        Size(
            200_000,
            32,
            2_048,
            tables=8,
            ids=20,
            words="{tables} tables of {rows:,} x {width}, {batch:,} bags of {ids} ids",
        ),
        OUR_SPARSE_ADAM,
        STOCK_SPARSE_ADAM,
        DEFERRED,
        ours("Adagrad", "torch Adagrad", **SPARSE, **ADAGRAD),
        ours("RowwiseAdagrad", **SPARSE, **ADAGRAD),
        ours("SGD", "torch SGD", **SPARSE, **SGD),
        SPARSE_ADAM,
        DENSE_ADAM,
        torch("Adagrad", **SPARSE, **ADAGRAD),
        torch("SGD", **SPARSE, **SGD),
    ),
    training(
        "click",
        "click_model",
        "A step of a model of clicks, one id a table",
        Size(
            1_000_000,
            16,
            2_048,
            tables=26,
            shortest=3,
            words="{tables} tables of {shortest} to {rows:,} x {width}, {batch:,} ids each",
        ),
        two_adams("fusedstep SparseAdam"),
        two_adams("fusedstep SparseAdam, stock", stock=True),
        two_adams("one table, SparseAdam", **ONE_TABLE),
        DEFERRED,
        ours("Adagrad", "torch Adagrad", **SPARSE, **ADAGRAD),
        ours("Adagrad", "torch Adagrad", "one table, Adagrad", **ONE_TABLE, **ADAGRAD),
        ours("RowwiseAdagrad", elementwise_dense=True, **SPARSE, **ADAGRAD),
        TWO_ADAMS,
        DENSE_ADAM,
        torch("Adagrad", **SPARSE, **ADAGRAD),
    ),
    training(
        "skip-gram",
        "skip_gram_model",
        "A step of skip-gram with negative samples",
        Size(
            200_000,
            128,
            4_096,
            tables=2,
            ids=5,
            words="{tables} tables of {rows:,} x {width}, {batch:,} pairs, {ids} negative samples a pair",
        ),
        OUR_SPARSE_ADAM,
        STOCK_SPARSE_ADAM,
        DEFERRED,
        SPARSE_ADAM,
        DENSE_ADAM,
    ),
    training(
        "node2vec",
        "node2vec_model",
        "A step of node2vec",
        Size(20_000, 128, 2_800, ids=10, words="{rows:,} x {width}, {batch:,} windows of {ids} nodes"),
        OUR_SPARSE_ADAM,
        STOCK_SPARSE_ADAM,
        ours("SparseAdam", SPARSE_ADAM.label, "SparseAdam, kept memory", keep=True, **SPARSE, **ADAM),
        DEFERRED,
        SPARSE_ADAM,
        DENSE_ADAM,
    ),
    training(
        "factorisation",
        "factorisation_model",
        "A step of a matrix factorisation that ships dense",
        Size(
            200_000,
            64,
            8_192,
            tables=2,
            shortest=20_000,
            words="{rows:,} users and {shortest:,} items x {width}, {batch:,} ratings",
        ),
        DEFERRED,
        ours("Adam", DENSE_ADAM.label, "fusedstep Adam, every row", **DENSE, **ADAM),
        ours("Adam", DENSE_ADAM.label, "fusedstep Adam, stock", stock=True, **DENSE, **ADAM),
        OUR_SPARSE_ADAM,
        torch("Adam", "torch Adam, as it ships", **DENSE, **ADAM),
        DENSE_ADAM,
        SPARSE_ADAM,
    ),
    training(
        "transformer",
        "transformer_model",
        "A step of a small transformer, all dense",
        Size(
            2_000,
            256,
            2,
            "uniform",
            tables=12,
            ids=16,
            words="{tables} layers of width {width}, {batch} sequences of {ids} tokens of {rows:,}",
        ),
        ours("AdamW", "torch AdamW fused", stock=True, lr=0.001),
        torch("AdamW", "torch AdamW fused", lr=0.001, fused=True),
        torch("AdamW", "torch AdamW foreach", lr=0.001, foreach=True),
        torch("AdamW", lr=0.001),
    ),
]
