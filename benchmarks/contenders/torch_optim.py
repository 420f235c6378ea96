"""torch.optim: SparseAdam for touched rows; dense Adam, fused, on a dense gradient for every row."""

from collections.abc import Callable
from functools import partial

import torch
import work

torch.set_num_threads(work.THREADS)


def step_with(optimizer: torch.optim.Optimizer, weight: torch.Tensor, gradient: torch.Tensor) -> None:
    weight.grad = gradient
    optimizer.step()


def sparse_adam() -> list[Callable[[], None]]:
    weight = torch.nn.Parameter(torch.from_numpy(work.table(0)))
    optimizer = torch.optim.SparseAdam([weight], lr=work.ADAM["lr"])
    return [
        partial(
            step_with,
            optimizer,
            weight,
            torch.sparse_coo_tensor(
                torch.from_numpy(indices).long()[None], torch.from_numpy(gradient), weight.shape, check_invariants=True
            ),
        )
        for indices, gradient in work.batches()
    ]


def dense_adam() -> list[Callable[[], None]]:
    weight = torch.nn.Parameter(torch.from_numpy(work.table(0)))
    optimizer = torch.optim.Adam([weight], lr=work.ADAM["lr"], fused=True)
    return [partial(step_with, optimizer, weight, torch.from_numpy(work.table(1)))]


WORKS = {"FusedSparseAdam": dense_adam, "FusedSparseLazyAdam": sparse_adam}
