"""PyTorch's optimizer for sparse gradients as one of those that the demo compares."""

import importlib
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from .. import rules
from ..runtime.cpu.threads import get_num_threads
from .contenders import ADAM, Contender, Prepare, Scalars, adam_scalars
from .digits import CLASSES, TABLE_ROWS

SPARSE_ADAM = "torch.optim.SparseAdam"


def installed() -> list[Contender]:
    """torch.optim.SparseAdam where PyTorch is installed. Its threads spin on after their work: let it run last."""
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError:
        return []
    threads = faster_threads(torch)
    return [
        Contender(
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
    """Steps on the table's own memory; the optimizer keeps moments of its own."""
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
    """One thread or all that may be used, whichever is faster here.

    Where another program is running as well, PyTorch's threads wait for one another at length: steps on two threads
    can take ten times as long as on one.
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
