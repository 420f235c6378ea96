"""Parameters that are spread over processes (DTensors): what is run in each of several processes.

``python -m tests.spread <processes> <rank> <folder> <name>...`` ends with 0 if all cases of some files here went as
they should. They share their processes, which take long to start.
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
# Of the first each process has rows, though not as many; of the other only one process has any.
SHAPES = ((5, 4), (1, 4))


class Place:
    """Where a process stands among the others."""

    def __init__(self, processes: int, rank: int, folder: str) -> None:
        self.processes, self.rank, self.folder = processes, rank, folder
        self.mesh = init_device_mesh("cpu", (processes,))

    def spread(self, value: Any, *placements: Any, mesh: Any = None) -> Any:
        """A value as a DTensor; what is yet to be added up differs from process to process."""
        if not any(each.is_partial() for each in placements):
            return distribute_tensor(value, mesh or self.mesh, placements)
        own = 8.0 * self.rank - 4.0 * (self.processes - 1)
        part = value / self.processes if placements[0].reduce_op == "sum" else value
        return DTensor.from_local(part + own, self.mesh, placements)

    def pair(self, shape: tuple[int, ...], lies: Any, how: Any = None, *, turned: bool = False) -> tuple[Any, Any]:
        """A parameter with its gradient, whole and spread."""
        # Sums of these are exact, in any order.
        value = (torch.arange(torch.Size(shape).numel()) - 7.0).reshape(shape) / 8
        grad = value.flip(0) * 4 + 1
        value = value.t().contiguous().t() if turned else value
        whole, spread = torch.nn.Parameter(value.clone()), torch.nn.Parameter(self.spread(value, lies))
        whole.grad, spread.grad = grad, self.spread(grad, how or lies)
        return whole, spread


def build(name: str, params: Any, **settings: Any) -> Any:
    return getattr(fs.torch, name)(params, **({"lr": 0.1} if name == "FTRL" else {}) | settings)


def refused(act: Callable[[], Any], kind: type[Exception], *words: str) -> None:
    """Every process is told so: none gets to a point where it waits for others."""
    with pytest.raises(kind) as told:
        act()
    assert all(word in str(told.value) for word in words), told.value


def assert_same(whole: Any, spread: Any) -> None:
    assert torch.equal(whole, spread.full_tensor()), (whole, spread.full_tensor())


def run(cases: Iterable[Callable[[Place], None]], processes: int, rank: int, folder: str) -> None:
    """Runs cases in this process, as others do."""
    warnings.simplefilter("error")
    # PyTorch's own, of its own modules.
    warnings.filterwarnings("ignore", module="torch")
    torch.set_num_threads(1)
    meet, patience = f"file://{folder}/meet", timedelta(seconds=100)
    distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=processes, timeout=patience)
    for case in cases:
        case(Place(processes, rank, folder))
    # Gloo's own threads may abort the process as it ends, so it ends at once, and only after the others.
    distributed.barrier()
    os._exit(0)
