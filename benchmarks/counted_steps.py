"""Steps of training in PyTorch whose instructions are counted, Python's among them.

Tensors are small, so that a count is mostly what a step does for each tensor, and for each table.
"""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import torch
from callgrind import dump, start, stop

import fusedstep as fs

PARAMETERS, ELEMENTS = 100, 1_000
TABLES, ROWS, WIDTH, BAGS, BAG = 8, 1_000, 16, 64, 4
# The first steps make states, and prepare what later ones use again.
WARM_UP = 3

Phases = Iterator[tuple[str, Callable[[], Any]]]


def dense(optimizer: str, note: str = "", **options: Any) -> Phases:
    """A step of many small parameters."""
    parameters = [torch.nn.Parameter(torch.rand(ELEMENTS)) for _ in range(PARAMETERS)]
    for each in parameters:
        each.grad = torch.rand(ELEMENTS)
    made = getattr(fs.torch, optimizer)(parameters, **options)
    yield f"{optimizer}{note} of {PARAMETERS} parameters", made.step


def bags(optimizer: str, sparse: bool, **options: Any) -> Phases:
    """The phases of a step of tables that are looked up in bags."""
    tables = [fs.torch.EmbeddingBag(ROWS, WIDTH, mode="sum", sparse=sparse) for _ in range(TABLES)]
    if not sparse:
        options["defer"] = tables
    made = getattr(fs.torch, optimizer)([each.weight for each in tables], **options)
    ids = [torch.randint(0, ROWS, (BAGS * BAG,)) for _ in tables]
    offsets, pooled = torch.arange(0, BAGS * BAG, BAG), []
    gradient = torch.rand(BAGS, WIDTH)

    def forward() -> None:
        pooled[:] = [table(each, offsets) for table, each in zip(tables, ids, strict=True)]

    name = f"{optimizer}{', deferred,' * (not sparse)} of {TABLES} tables"
    yield f"{name}: forward", forward
    yield f"{name}: backward", lambda: torch.autograd.backward(pooled, [gradient] * TABLES)
    yield f"{name}: step", made.step
    yield f"{name}: zero_grad", made.zero_grad


def programs() -> Iterator[Phases]:
    """What is counted."""
    yield dense("Adam")
    yield dense("SGD", lr=0.1)
    yield dense("SGD", " with momentum", lr=0.1, momentum=0.9)
    yield bags("SparseAdam", sparse=True)
    yield bags("Adagrad", sparse=True)
    yield bags("Adam", sparse=False)


def main() -> None:
    torch.set_num_threads(1)
    fs.set_num_threads(1)
    for phases in map(list, programs()):
        for _ in range(WARM_UP):
            for _, phase in phases:
                phase()
        gc.collect()
        gc.disable()
        for name, phase in phases:
            start()
            phase()
            dump(name)
            stop()
        gc.enable()


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
