"""Cases for parameters that are DTensors; each of several processes runs them.

``python -m tests.torch.distributed_cases <processes> <rank> <folder> <name>...`` exits with 0 if all cases of the named
files pass. They share their processes, which are slow to start.
"""

import os
import warnings
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor

import fusedstep as fs

HOWS = (Replicate(), Shard(0), Shard(1), Partial(), Partial("avg"))
LIES = HOWS[:3]
# Of the first shape each process has rows, of different numbers; of the second only one process has any.
SHAPES = ((5, 4), (1, 4))


class Place:
    """The place of a process among the others."""

    def __init__(self, processes: int, rank: int, folder: str) -> None:
        self.processes, self.rank, self.folder = processes, rank, folder
        self.mesh = init_device_mesh("cpu", (processes,))

    def spread(self, value: Any, *placements: Any, mesh: Any = None) -> Any:
        """A value as a DTensor; partial values differ between processes."""
        if not any(each.is_partial() for each in placements):
            return distribute_tensor(value, mesh or self.mesh, placements)
        own = 8.0 * self.rank - 4.0 * (self.processes - 1)
        part = value / self.processes if placements[0].reduce_op == "sum" else value
        return DTensor.from_local(part + own, self.mesh, placements)

    def pair(self, shape: tuple[int, ...], lies: Any, how: Any = None, *, turned: bool = False) -> tuple[Any, Any]:
        """A parameter with its gradient, as a plain tensor and as a DTensor."""
        # Sums of these are exact in any order.
        value = (torch.arange(torch.Size(shape).numel()) - 7.0).reshape(shape) / 8
        grad = value.flip(0) * 4 + 1
        value = value.t().contiguous().t() if turned else value
        whole, spread = torch.nn.Parameter(value.clone()), torch.nn.Parameter(self.spread(value, lies))
        whole.grad, spread.grad = grad, self.spread(grad, how or lies)
        return whole, spread


def build(name: str, params: Any, **settings: Any) -> Any:
    return getattr(fs.torch, name)(params, **({"lr": 0.1} if name == "FTRL" else {}) | settings)


def refused(act: Callable[[], Any], kind: type[Exception], *words: str) -> None:
    """Every process raises, so that none waits for another."""
    with pytest.raises(kind) as told:
        act()
    assert all(word in str(told.value) for word in words), told.value


def assert_same(whole: Any, spread: Any) -> None:
    assert torch.equal(whole, spread.full_tensor()), (whole, spread.full_tensor())


def run(cases: Iterable[Callable[[Place], None]], processes: int, rank: int, folder: str) -> None:
    """Run cases in this process, as the others do."""
    warnings.simplefilter("error")
    # PyTorch warns of its own modules.
    warnings.filterwarnings("ignore", module="torch")
    torch.set_num_threads(1)
    rendezvous, timeout = f"file://{folder}/meet", timedelta(seconds=100)
    distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=processes, timeout=timeout)
    for case in cases:
        case(Place(processes, rank, folder))
    # Gloo's threads may abort an exiting process: exit at once, after the other processes.
    distributed.barrier()
    os._exit(0)
