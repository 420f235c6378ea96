"""Steps of ``fusedstep.mindspore.nn`` beside those of ``mindspore.nn``, on MindSpore's parameters in one process.

``python -m benchmarks.mindspore_optimizers [ROUNDS]``, where MindSpore is installed; ``make test-mindspore`` runs it. A
table and a dense layer are stepped: with dense gradients, and with the gradients of some rows of the table, which
MindSpore's own takes in a compiled function. In MindSpore's immediate mode its networks give dense gradients, and the
third race compares that with rows here. The two take one step each in turn; a step ends when parameters can be read.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import mindspore
import numpy as np
from mindspore.common.sparse_tensor import RowTensorInner

import fusedstep.mindspore.nn
from fusedstep.bench.figures import duration
from fusedstep.bench.tables import columns

ROWS, WIDTH, NAMED = 100_000, 32, 4096
SHAPES = {"table": (ROWS, WIDTH), "dense.weight": (64, WIDTH), "dense.bias": (64,)}
ROUNDS = 30
WARM_UP = 3
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "FTRL": ("FTRL", {"learning_rate": 0.05, "l2": 0.001}),
    "LazyAdam": ("LazyAdam", {}),
    "ProximalAdagrad": ("ProximalAdagrad", {"l1": 1e-4, "l2": 1e-4}),
    "Adam": ("Adam", {}),
    "Adam, weight decay": ("Adam", {"weight_decay": 1e-4}),
}

Step = Callable[[], Any]


def parameters() -> list[Any]:
    rng = np.random.default_rng(0)
    return [
        mindspore.Parameter(mindspore.Tensor(rng.standard_normal(shape, np.float32)), name=name)
        for name, shape in SHAPES.items()
    ]


def gradients() -> tuple[Any, ...]:
    rng = np.random.default_rng(1)
    return tuple(
        mindspore.Tensor(rng.standard_normal(shape, np.float32) * np.float32(0.1)) for shape in SHAPES.values()
    )


def rows_of_table() -> tuple[Any, Any]:
    """Rows as a batch names them, a few often and many seldom, and their gradients."""
    rng = np.random.default_rng(2)
    indices = np.minimum(rng.zipf(1.2, NAMED) - 1, ROWS - 1).astype(np.int32)
    return mindspore.Tensor(indices), mindspore.Tensor(rng.standard_normal((NAMED, WIDTH), np.float32))


def optimizer(nn: Any, name: str, params: list[Any]) -> Any:
    """The optimizer of a case."""
    cls, settings = CASES[name]
    return getattr(nn, cls)(params, **settings)


def dense_step(nn: Any, name: str) -> Step:
    """A step with dense gradients."""
    params = parameters()
    return partial(complete, optimizer(nn, name, params), params, gradients())


def sparse_step(nn: Any, name: str) -> Step:
    """A step with the gradients of some rows of the table."""
    params = parameters()
    made = optimizer(nn, name, params)
    made.target = "CPU"
    indices, values = rows_of_table()
    _, *others = gradients()
    if nn is not mindspore.nn:
        sparse = RowTensorInner(indices, values, SHAPES["table"])
        return partial(complete, made, params, (sparse, *others))

    # MindSpore's own takes sparse gradients in a compiled function only.
    @mindspore.jit
    def compiled(indices: Any, values: Any, weight: Any, bias: Any) -> Any:
        return made((RowTensorInner(indices, values, SHAPES["table"]), weight, bias))

    return partial(complete, lambda given: compiled(*given), params, (indices, values, *others))


def complete(step: Callable[..., Any], params: list[Any], given: tuple[Any, ...]) -> None:
    """Take a step, and wait for it."""
    step(given)
    for parameter in params:
        parameter.data_ptr()


def race(steps: list[Step], rounds: int) -> list[float]:
    """The median time of each of some steps, which are taken in turn."""
    for _ in range(WARM_UP):
        for step in steps:
            step()
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for step, measured in zip(steps, times, strict=True):
            begin = time.perf_counter()
            step()
            measured.append(time.perf_counter() - begin)
    return [median(each) for each in times]


def main(rounds: int = ROUNDS) -> None:
    theirs, ours, rows = mindspore.nn, fusedstep.mindspore.nn, f"{NAMED:,} rows"
    table: list[tuple[str, ...]] = [("", "fusedstep", "", f"MindSpore {mindspore.__version__}", "", "times as fast")]
    for kinds, makes in (
        (("dense", "dense"), (dense_step, dense_step)),
        ((rows, rows), (sparse_step, sparse_step)),
        ((rows, "dense"), (sparse_step, dense_step)),
    ):
        for name in CASES:
            times = race([make(nn, name) for nn, make in zip((ours, theirs), makes, strict=True)], rounds)
            shown = [cell for pair in zip(map(duration, times), kinds, strict=True) for cell in pair]
            table.append((name, *shown, f"{times[1] / times[0]:.3g}"))
    print(f"One step of a table of {ROWS:,} x {WIDTH} and a dense layer of {WIDTH} x 64, medians of {rounds}:\n")
    print(*columns(table), sep="\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
