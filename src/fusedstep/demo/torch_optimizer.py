"""PyTorch's optimizer for sparse gradients, beside those of fusedstep."""

import importlib
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from .. import rules
from ..runtime.cpu.threads import get_num_threads
from .digits import CLASSES, TABLE_ROWS
from .optimizers import ADAM, Optimizer, Prepare, Scalars, adam_scalars

SPARSE_ADAM = "torch.optim.SparseAdam"


def installed() -> list[Optimizer]:
    """torch.optim.SparseAdam, if PyTorch is installed. Its threads keep spinning after a step: run it last."""
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError:
        return []
    threads = faster_threads(torch)
    return [
        Optimizer(
            SPARSE_ADAM,
            rules.adam,
            "touched",
            (0.0, 0.0, 0.0),
            adam_scalars,
            partial(begin, torch, threads),
            threads=threads,
        )
    ]


def begin(torch: Any, threads: int, states: list[np.ndarray]) -> Prepare:
    """Prepare steps on the memory of the table; the optimizer allocates its moments."""
    torch.set_num_threads(threads)
    table = torch.nn.Parameter(torch.from_numpy(states[0]))
    betas = (ADAM["beta1"], ADAM["beta2"])
    optimizer = torch.optim.SparseAdam([table], lr=ADAM["lr"], betas=betas, eps=ADAM["epsilon"])

    def prepare(gradient: np.ndarray, indices: np.ndarray, scalars: Scalars) -> Callable[[], Any]:
        table.grad = torch.sparse_coo_tensor(
            torch.from_numpy(indices[None]), torch.from_numpy(gradient), table.shape, check_invariants=False
        )
        step: Callable[[], Any] = optimizer.step
        return step

    return prepare


def faster_threads(torch: Any) -> int:
    """Return 1 or the number of usable threads, whichever is faster here.

    While another program runs, PyTorch's threads wait long for each other: a step on two threads can take ten times as
    long as on one.
    """
    indices = np.random.default_rng(0).integers(0, TABLE_ROWS, 100_000)
    gradient = np.ones((len(indices), CLASSES), np.float32)

    def seconds(threads: int) -> float:
        prepare = begin(torch, threads, [np.zeros((TABLE_ROWS, CLASSES), np.float32)])
        taken = []
        for _ in range(5):
            step = prepare(gradient, indices, {})
            started = perf_counter()
            step()
            taken.append(perf_counter() - started)
        return median(taken)

    return min({1, get_num_threads()}, key=seconds)
