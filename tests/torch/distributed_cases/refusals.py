"""Invalid parameters and gradients are refused in all processes."""

from typing import Any

import torch
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor

import fusedstep as fs
from fusedstep.words import tensor_mean

from . import LIES, Place, assert_same, build, refused

NAMES = ("Adam", "RowwiseAdagrad", "FTRL", "SGD")


def mean_of_all(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - lr * grad / (1 + tensor_mean(grad * grad))


def gradients(place: Place) -> None:
    sparse = torch.sparse_coo_tensor(torch.tensor([[1]]), torch.ones(1, 4), (5, 4), check_invariants=True)
    # The same processes in reverse order.
    other = DeviceMesh("cpu", list(range(place.processes))[::-1])
    for name in NAMES:
        for lies in LIES[:2]:
            whole, spread = place.pair((5, 4), lies)
            before = whole.detach().clone()
            for param, grad, kind, words in (
                (spread, whole.grad, TypeError, ("a gradient is a plain tensor", "distribute_tensor()")),
                (spread, sparse, TypeError, ("a gradient is a sparse tensor", "sparse=False")),
                (whole, spread.grad, TypeError, ("a gradient is a DTensor", "full_tensor()")),
                (spread, distribute_tensor(whole.grad, other, [lies]), ValueError, ("a gradient is on", "mesh")),
            ):
                optimizer = build(name, [param])
                param.grad = grad
                refused(optimizer.step, kind, name, *words)
                assert torch.equal(before, param.full_tensor() if param is spread else param)
                assert optimizer.state[param].get("step", 0) == 0


def partial_parameters(place: Place) -> None:
    for name in NAMES:
        added = torch.nn.Parameter(DTensor.from_local(torch.ones(5, 4), place.mesh, [Partial()]))
        added.grad = place.spread(torch.ones(5, 4), Replicate())
        refused(lambda: build(name, [added]).step(), ValueError, name, "Partial", "redistribute()")  # noqa: B023


def sums_over_processes(place: Place) -> None:
    _, spread = place.pair((5, 4), Shard(1))
    refused(lambda: fs.torch.RowwiseAdagrad([spread]), ValueError, "Shard(dim=1)", "expected Shard(0) or Replicate")
    for lies in (Shard(0), Shard(1)):
        _, spread = place.pair((5, 4), lies)
        optimizer = fs.torch.RuleOptimizer([spread], mean_of_all, lr=0.5)
        refused(optimizer.step, ValueError, "expected Replicate", "more than a row")
        assert not optimizer.state[spread]
    whole, spread = place.pair((5, 4), Replicate(), Partial())
    # A mesh dimension of one process cuts nothing.
    alone = init_device_mesh("cpu", (place.processes, 1))
    cut = torch.nn.Parameter(place.spread(whole.detach(), Replicate(), Shard(1), mesh=alone))
    cut.grad = place.spread(whole.grad, Replicate(), Shard(1), mesh=alone)
    for param in (whole, spread, cut):
        fs.torch.RuleOptimizer([param], mean_of_all, lr=0.5).step()
    assert_same(whole, spread)
    assert_same(whole, cut)


def what_autograd_saved(place: Place) -> None:
    _, spread = place.pair((4, 4), Shard(0))
    other = torch.nn.Parameter(place.spread(torch.ones(4, 4), Replicate()))
    loss = (other @ spread).sum()
    fs.torch.SGD([spread], lr=0.5).step()
    refused(loss.backward, RuntimeError, "modified by an inplace operation")


def deferred_rows(place: Place) -> None:
    model = torch.nn.Sequential(torch.nn.Embedding(10, 4, sparse=True), torch.nn.Linear(4, 1))

    def partitioned(**settings: Any) -> Any:
        return ZeroRedundancyOptimizer(model.parameters(), optimizer_class=fs.torch.Adam, **settings)

    refused(lambda: partitioned(defer=[model[0]]), NotImplementedError, "ZeroRedundancyOptimizer", 'rows="every"')
    optimizer = partitioned(rows="every")
    model(torch.tensor([1, 2])).sum().backward()
    optimizer.step()
    # Each process has the whole table.
    fs.torch.Adam(model.parameters(), defer=[model[0]])
    spread = torch.nn.Embedding(10, 4)
    spread.weight = torch.nn.Parameter(place.spread(spread.weight.detach(), Replicate()))
    words = "defer[0].weight is a DTensor", "leave it out"
    refused(lambda: fs.torch.Adam(spread.parameters(), defer=[spread]), NotImplementedError, *words)


CASES = (gradients, partial_parameters, sums_over_processes, what_autograd_saved, deferred_rows)
