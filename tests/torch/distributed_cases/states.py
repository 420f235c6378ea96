"""States have the placements of their parameters."""

from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.tensor import Partial, Replicate, Shard

import fusedstep as fs
from fusedstep.words import PerRow, row_mean

from . import HOWS, LIES, SHAPES, Place, assert_same, build, refused


def mean_of_rows(var: Any, mean: PerRow, grad: Any, *, lr: Any) -> Any:
    mean = mean + row_mean(grad * grad)
    return var - lr * grad / (1 + mean), mean


def one_number_a_row(place: Place) -> None:
    for shape in (*SHAPES, (5, 2, 2), (5,)):
        for lies in LIES[:2]:
            for how in HOWS:
                if len(shape) > 1 or how != Shard(1):
                    step_rows(place, shape, lies, how)


def step_rows(place: Place, shape: tuple[int, ...], lies: Any, how: Any) -> None:
    whole, spread = place.pair(shape, lies, how)
    for kind, settings in ((fs.torch.RowwiseAdagrad, {}), (fs.torch.RuleOptimizer, {"rule": mean_of_rows})):
        one, two = (kind([param], lr=0.5, **settings) for param in (whole, spread))
        for _ in range(2):
            one.step()
            two.step()
        assert_same(whole, spread)
        (key,) = two._state_keys
        state = two.state[spread][key]
        assert (state.shape, state.placements) == (shape[:1], (lies,))
        assert len(state.to_local()) == len(spread.to_local())
        assert_same(one.state[whole][key], state)


class Model(torch.nn.Module):
    def __init__(self, weight: Any) -> None:
        super().__init__()
        self.weight = weight


def checkpoints(place: Place) -> None:
    """A checkpoint of one placement loads in another."""
    for name in ("RowwiseAdagrad", "Adam"):
        for before, after in ((Shard(0), Replicate()), (Replicate(), Shard(0))):
            (whole, old), (_, new) = place.pair((5, 4), before), place.pair((5, 4), after)
            optimizers = [build(name, [each]) for each in (whole, old, new)]
            for optimizer in optimizers[:2]:
                optimizer.step()
            folder = f"{place.folder}/{name}-{before}"
            dcp.save(checkpoint_of(old, optimizers[1]), checkpoint_id=folder)
            loaded = checkpoint_of(new, optimizers[2])
            dcp.load(loaded, checkpoint_id=folder)
            set_optimizer_state_dict(Model(new), optimizers[2], loaded["optimizer"])
            for optimizer in optimizers:
                optimizer.step()
            assert_same(whole, old)
            assert_same(whole, new)


def checkpoint_of(param: Any, optimizer: Any) -> dict[str, Any]:
    return {"weight": param.detach(), "optimizer": get_optimizer_state_dict(Model(param), optimizer)}


def states_that_lie_otherwise(place: Place) -> None:
    for name, key in (("Adam", "exp_avg"), ("RowwiseAdagrad", "sum")):
        for lies in (Replicate(), Shard(0)):
            for other in (Replicate(), Shard(0)):
                whole, spread = place.pair((5, 4), lies)
                one, two = build(name, [whole]), build(name, [spread])
                for _ in range(3):
                    one.step()
                    two.step()
                    assert two.state[spread][key].placements == (lies,)
                    two.state[spread][key] = two.state[spread][key].redistribute(placements=[other])
                assert_same(whole, spread)
                two.state[spread][key] = one.state[whole][key]
                refused(two.step, TypeError, name, f"the state {key} is a plain tensor", "distribute_tensor()")
                one.state[whole][key] = place.spread(one.state[whole][key], Replicate())
                refused(one.step, TypeError, name, f"the state {key} is a DTensor", "full_tensor()")


def accumulators_of_elements(place: Place) -> None:
    """Of dense gradients, also where rows are cut, which one accumulator a row refuses."""
    for lies in LIES:
        whole, spread = place.pair((5, 4), lies, Partial())
        optimizers = [build("RowwiseAdagrad", [param], elementwise_dense=True) for param in (whole, spread)]
        for _ in range(3):
            for optimizer in optimizers:
                optimizer.step()
        assert_same(whole, spread)
        assert_same(optimizers[0].state[whole]["sum"], optimizers[1].state[spread]["sum"])


CASES = (one_number_a_row, checkpoints, states_that_lie_otherwise, accumulators_of_elements)
