"""Copies and checkpoints of optimizers that defer rows, and of their modules."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

from tests.torch.test_deferring import ROWS, Pair


@pytest.mark.parametrize("module", [nn.Sequential, nn.Identity])
def test_a_checkpoint_of_the_module_is_up_to_date(module):
    pair = Pair()
    pair.step(5)
    holder = nn.Sequential(pair.deferred) if module is nn.Sequential else pair.deferred
    (saved,) = holder.state_dict().values()
    pair.equal(saved)


def test_loading_replaces_what_was_owed():
    pair = Pair()
    pair.step(5)
    loaded = torch.ones_like(pair.deferred.weight)
    pair.deferred.load_state_dict({"weight": loaded})
    assert torch.equal(pair.deferred(torch.arange(ROWS)), loaded)


def test_a_checkpoint_moves_to_torch_and_back():
    pair = Pair()
    pair.step(5)
    other = torch.optim.Adam([nn.Parameter(pair.deferred.weight.detach().clone())])
    other.load_state_dict(copy.deepcopy(pair.optimizer.state_dict()))
    pair.equal()
    pair.step(3)
    pair.deferred.load_state_dict(pair.dense.state_dict())
    pair.optimizer.load_state_dict(copy.deepcopy(pair.reference.state_dict()))
    pair.step(3)
    assert pair.asleep()
    pair.optimizer.flush()
    pair.equal()


COPIES = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),  # noqa: S301 - our own
    "protocol 1": lambda value: pickle.loads(pickle.dumps(value, 1)),  # noqa: S301
    "deepcopy": copy.deepcopy,
    "save": lambda value: saved(value),
}


def saved(value):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("way", COPIES)
def test_a_copied_module_is_up_to_date_and_its_own(way):
    pair = Pair()
    pair.step(5)
    model = COPIES[way](nn.Sequential(pair.deferred))
    pair.equal(model[0].weight)
    pair.step(5)
    assert not model[0]._forward_pre_hooks
    assert not model[0]._state_dict_pre_hooks
    assert "__getstate__" not in vars(model[0])
    again = COPIES[way](model)
    assert torch.equal(again[0](torch.arange(ROWS)), model[0].weight)


@pytest.mark.parametrize("way", COPIES)
def test_a_copied_optimizer_defers_its_copied_module(way):
    pair = Pair()
    pair.step(5)
    pair.deferred, pair.optimizer = COPIES[way]((pair.deferred, pair.optimizer))
    pair.step(5)
    assert pair.asleep()
    pair.deferred(torch.arange(ROWS))
    pair.equal()
