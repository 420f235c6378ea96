"""Steps with gradients in every placement equal those of one process, and torch's."""

from typing import Any

import torch
from torch.distributed.tensor import Partial, Replicate, Shard

import fusedstep as fs

from . import HOWS, LIES, SHAPES, Place, assert_same, build

FUNCTIONS = {"clip_grad_norm_", "fuse_embeddings", "keep_freed_memory"}
OTHERS = {"Embedding", "EmbeddingBag", "RowwiseAdagrad", "RuleOptimizer", *FUNCTIONS}
ELEMENTWISE = sorted({*fs.torch.__all__} - OTHERS)
TORCHS = [name for name in ELEMENTWISE if hasattr(torch.optim, name) and name != "SparseAdam"]


def the_sum_over_processes(place: Place) -> None:
    weight = torch.nn.Parameter(place.spread(torch.ones(4, 4), Replicate()))
    batch = place.spread(torch.arange(16.0).reshape(4, 4), Shard(0))
    (batch @ weight).sum().backward()
    fs.torch.SGD([weight], lr=1.0).step()
    assert weight.to_local()[0, 0] == -23


def every_placement(place: Place) -> None:
    for name in ELEMENTWISE:
        for shape in SHAPES:
            for lies in LIES:
                for how in HOWS:
                    step_as_one(name, *place.pair(shape, lies, how, turned=how is HOWS[0]), lies)


def step_as_one(name: str, whole: Any, spread: Any, lies: Any) -> None:
    how = spread.grad.placements
    one, two = build(name, [whole]), build(name, [spread])
    for _ in range(3):
        one.step()
        two.step()
    assert_same(whole, spread)
    assert (spread.placements, spread.grad.placements) == ((lies,), how)
    for key in two._used_keys(two._operator(two.param_groups[0])):
        state = two.state[spread][key]
        assert state.placements == (lies,)
        assert_same(one.state[whole][key], state)


def beside_torchs(place: Place) -> None:
    for name in TORCHS:
        for lies in LIES:
            for how in (Shard(0), Partial()):
                ours, theirs = (place.pair((5, 4), lies, how)[1] for _ in range(2))
                our, their = getattr(fs.torch, name)([ours]), getattr(torch.optim, name)([theirs])
                for _ in range(3):
                    our.step()
                    their.step()
                torch.testing.assert_close(ours.full_tensor(), theirs.full_tensor())


def on_the_way(place: Place) -> None:
    """A gradient whose reduction was started, but is not complete."""
    whole, spread = place.pair((5, 4), Replicate(), Partial())
    spread.grad = spread.grad.redistribute(placements=[Replicate()], async_op=True)
    for param in (whole, spread):
        fs.torch.SGD([param], lr=0.5).step()
    assert_same(whole, spread)


def compiled(place: Place) -> None:
    whole, spread = place.pair((5, 4), Shard(0), Partial())
    one, two = fs.torch.Adam([whole]), fs.torch.Adam([spread])
    step = torch.compile(lambda: two.step(), backend="eager")
    for _ in range(2):
        one.step()
        step()
    assert_same(whole, spread)


CASES = (the_sum_over_processes, every_placement, beside_torchs, on_the_way, compiled)
