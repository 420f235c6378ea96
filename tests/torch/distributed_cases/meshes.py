"""Parallelism in several dimensions, in four processes."""

from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor, parallel

from . import LIES, Place, assert_same, build

LAIN = [(one, two) for one in LIES for two in LIES]


def several_dimensions(place: Place) -> None:
    mesh = init_device_mesh("cpu", (2, 2))
    value = torch.arange(35.0).reshape(7, 5) / 8 - 2
    for name in ("Adam", "RowwiseAdagrad"):
        for lies in LAIN:
            if name == "RowwiseAdagrad" and Shard(1) in lies:
                continue
            for how in [*LAIN, (Partial(), Replicate()), (Shard(0), Partial()), (Partial(), Partial())]:
                whole = torch.nn.Parameter(value.clone())
                spread = torch.nn.Parameter(distribute_tensor(value, mesh, lies))
                whole.grad, spread.grad = value * 4, added_up(value * 4, mesh, how)
                for each in (whole, spread):
                    build(name, [each]).step()
                assert_same(whole, spread)


def added_up(value: Any, mesh: Any, how: Any) -> Any:
    """A value with these placements, equal in all processes that reduce it."""
    parts = 2 ** sum(each.is_partial() for each in how)
    flat = [Replicate() if each.is_partial() else each for each in how]
    part = distribute_tensor(value / parts, mesh, flat).to_local()
    return DTensor.from_local(part, mesh, how, shape=value.shape, stride=value.stride())


def sharded_twice(place: Place) -> None:
    """fully_shard, and tensor parallelism within it, along the same dimension."""
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "model"))
    for name in ("Adam", "RowwiseAdagrad"):
        whole, spread = (torch.nn.Linear(6, 10, bias=False).double() for _ in range(2))
        with torch.no_grad():
            for model in (whole, spread):
                model.weight.copy_(torch.arange(60.0).reshape(10, 6) / 60)
        parallel.parallelize_module(spread, mesh["model"], parallel.ColwiseParallel(output_layouts=Replicate()))
        fully_shard(spread, mesh=mesh["data"])
        batch = torch.arange(24.0, dtype=torch.float64).reshape(4, 6).cos()
        for model in (whole, spread):
            optimizer = build(name, model.parameters())
            for _ in range(3):
                optimizer.zero_grad()
                model(batch).square().mean().backward()
                optimizer.step()
        torch.testing.assert_close(whole.weight, spread.weight.full_tensor())


class Block(torch.nn.Module):
    """A model whose norm layer has sequence parallelism, so that its weights' gradients are partial."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(4)
        self.up, self.down = torch.nn.Linear(4, 8), torch.nn.Linear(8, 4)

    def forward(self, x: Any) -> Any:
        return self.down(self.up(self.norm(x)).relu())


def sequence_parallelism(place: Place) -> None:
    plan = {
        "norm": parallel.SequenceParallel(),
        "up": parallel.ColwiseParallel(input_layouts=Shard(1)),
        "down": parallel.RowwiseParallel(output_layouts=Shard(1)),
    }
    torch.manual_seed(3)
    whole, spread = Block().double(), Block().double()
    spread.load_state_dict(whole.state_dict())
    parallel.parallelize_module(spread, place.mesh, plan)
    one, two = (build("AdamW", each.parameters(), lr=0.1) for each in (whole, spread))
    for step in range(6):
        batch = torch.randn(3, 8, 4, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
        one.zero_grad()
        two.zero_grad()
        whole(batch).square().sum().backward()
        spread(batch.chunk(place.processes, 1)[place.rank]).square().sum().backward()
        one.step()
        two.step()
    assert any(each.is_partial() for each in spread.norm.weight.grad.placements)
    for each, other in zip(whole.parameters(), spread.parameters(), strict=True):
        torch.testing.assert_close(each, other.full_tensor(), rtol=1e-9, atol=1e-12)


CASES = (several_dimensions, sharded_twice, sequence_parallelism)
