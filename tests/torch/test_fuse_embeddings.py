"""Embeddings of a model are exchanged in place."""

import copy
import logging
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import fusedstep as fs

OURS = (fs.torch.Embedding, fs.torch.EmbeddingBag)


class Recommender(nn.Module):
    """A model that holds embeddings in every way, some of them tied."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(11, 4, padding_idx=0)
        self.bags = nn.ModuleList([nn.EmbeddingBag(7, 4, mode="sum"), nn.EmbeddingBag(8, 4, sparse=True)])
        self.named = nn.ModuleDict({"item": nn.Sequential(nn.Embedding(11, 4), nn.Linear(4, 4))})
        self.named["item"][0].weight = self.words.weight
        self.again = self.words
        self.output = nn.Linear(4, 11, bias=False)
        self.output.weight = self.words.weight

    def forward(self, ids: Any) -> Any:
        hidden = self.words(ids).mean(1) + self.named["item"](ids).sum(1) + self.again(ids[:, 0])
        return self.output(hidden + sum(bag(ids % 7) for bag in self.bags))


def test_embeddings_are_exchanged_where_they_are() -> None:
    model = Recommender()
    modules, parameters = dict(model.named_modules()), dict(model.named_parameters())
    keys, words = list(model.state_dict()), repr(model)
    model.bags[0].eval()
    calls: list[Any] = []
    model.words.register_forward_hook(lambda *given: calls.append(given))
    found = fs.torch.fuse_embeddings(model)
    assert found == [model.words, *model.bags, model.named["item"][0]]
    assert all(type(each) in OURS for each in found)
    assert found.left_alone == {}
    after = dict(model.named_modules())
    assert list(after) == list(modules)
    assert all(after[name] is module for name, module in modules.items())
    assert all(value is parameters[name] for name, value in model.named_parameters())
    assert list(model.state_dict()) == keys
    assert repr(model) == words
    assert not model.bags[0].training
    assert model.words.weight is model.output.weight is model.named["item"][0].weight
    model(torch.randint(0, 11, (3, 2)))
    assert len(calls) == 2


@pytest.mark.parametrize("defers", [False, True])
def test_training_is_as_before(defers: bool) -> None:
    torch.manual_seed(0)
    plain = Recommender().double()
    for bag in plain.bags:
        bag.sparse = False
    fused = copy.deepcopy(plain)
    embeddings = fs.torch.fuse_embeddings(fused)
    optimizers = (
        torch.optim.SGD(plain.parameters(), lr=0.1),
        fs.torch.SGD(fused.parameters(), lr=0.1, defer=embeddings if defers else []),
    )
    for _ in range(4):
        ids = torch.randint(0, 11, (5, 3))
        for model, optimizer in zip((plain, fused), optimizers, strict=True):
            optimizer.zero_grad()
            model(ids).square().mean().backward()
            optimizer.step()
    for name, value in fused.state_dict().items():
        torch.testing.assert_close(value, plain.state_dict()[name], rtol=1e-11, atol=1e-12)


def test_a_second_call_changes_nothing() -> None:
    model = Recommender()
    first, second = fs.torch.fuse_embeddings(model), fs.torch.fuse_embeddings(model)
    assert list(first) == list(second)


@pytest.mark.parametrize("kind", ["Embedding", "EmbeddingBag"])
def test_the_model_may_be_an_embedding(kind: str) -> None:
    model = getattr(nn, kind)(5, 2)
    assert fs.torch.fuse_embeddings(model) == [model]
    assert type(model) is getattr(fs.torch, kind)


class Hashed(nn.Embedding):
    """A subclass with a forward of its own."""

    def forward(self, words: Any) -> Any:
        return super().forward(words % 5)


class Special(nn.Parameter):
    """A parameter of another class."""


def with_weight(weight: Any) -> Any:
    module = nn.Embedding(5, 2)
    module._parameters["weight"] = weight
    return module


def changed(change: Any) -> Any:
    module = nn.Embedding(5, 2)
    change(module)
    return module


def patched(module: Any) -> None:
    module.forward = lambda ids: module.weight[ids]


LEFT: dict[str, Any] = {
    "subclass Hashed": lambda: Hashed(5, 2),
    "of type Special": lambda: with_weight(Special(torch.ones(5, 2))),
    "of type UninitializedParameter": lambda: with_weight(nn.UninitializedParameter()),
    "parametrize": lambda: changed(parametrizations.weight_norm),
    "not a parameter, but computed": lambda: changed(lambda module: prune.random_unstructured(module, "weight", 0.5)),
    "its forward was replaced": lambda: changed(patched),
    'with mode="max"': lambda: nn.EmbeddingBag(5, 2, mode="max"),
    "with scale_grad_by_freq=True": lambda: nn.Embedding(5, 2, scale_grad_by_freq=True),
    "holds torch.complex64": lambda: nn.Embedding(5, 2, dtype=torch.complex64),
    "torch.jit.script": lambda: torch.jit.script(nn.EmbeddingBag(5, 2)),
}


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("reason", LEFT)
def test_what_is_left_as_it_is_is_told(reason: str, caplog: Any) -> None:
    other = LEFT[reason]()
    kind = type(other)
    model = nn.Sequential(nn.Embedding(5, 2), nn.ModuleDict({"odd": other}))
    with caplog.at_level(logging.WARNING, logger="fusedstep"):
        found = fs.torch.fuse_embeddings(model)
    assert found == [model[0]]
    assert type(other) is kind
    assert list(found.left_alone) == ["1.odd"]
    assert reason in found.left_alone["1.odd"]
    (record,) = caplog.records
    assert "1.odd" in record.message
    assert reason in record.message


def test_nothing_is_told_of_a_model_that_is_exchanged_whole(caplog: Any) -> None:
    fs.torch.fuse_embeddings(Recommender())
    assert not caplog.records


def test_a_frozen_table_is_exchanged_but_has_no_steps_to_defer() -> None:
    model = nn.Sequential(nn.Embedding.from_pretrained(torch.ones(5, 2)), nn.Embedding(5, 2))
    found = fs.torch.fuse_embeddings(model)
    assert [type(each) for each in model] == [fs.torch.Embedding] * 2
    assert found == [model[1]]
    fs.torch.Adam([each for each in model.parameters() if each.requires_grad], defer=found)


def test_what_defer_refuses_is_not_in_the_list() -> None:
    transposed = nn.Embedding(5, 2)
    transposed.weight = nn.Parameter(torch.ones(2, 5).t())
    model = nn.Sequential(transposed, nn.Embedding(5, 2))
    found = fs.torch.fuse_embeddings(model)
    assert type(transposed) is fs.torch.Embedding
    assert found == [model[1]]
    fs.torch.Adam(model.parameters(), defer=found)


def test_a_deferred_table_may_be_exchanged() -> None:
    model = nn.Sequential(nn.EmbeddingBag(9, 2, mode="sum", sparse=True)).double()
    reference = copy.deepcopy(model)
    reference[0].sparse = False
    optimizer = fs.torch.Adam(model.parameters(), lr=0.1, defer=[model[0]])
    dense = torch.optim.Adam(reference.parameters(), lr=0.1)
    for step in range(8):
        if step == 3:
            assert fs.torch.fuse_embeddings(model) == [model[0]]
            model[0].sparse = False
        ids = torch.randint(0, 9, (2, 2))
        for each, its in ((model, optimizer), (reference, dense)):
            its.zero_grad()
            each(ids).square().sum().backward()
            its.step()
    torch.testing.assert_close(model[0].weight.detach().clone(), reference[0].weight.detach(), rtol=0, atol=1e-11)


def test_an_exchanged_model_is_copied_and_pickled() -> None:
    model = Recommender()
    fs.torch.fuse_embeddings(model)
    ids = torch.randint(0, 7, (3, 2))
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301 - our own
        assert type(copied.words) is fs.torch.Embedding
        assert copied.words.weight is copied.output.weight
        assert torch.equal(copied(ids), model(ids))
    plain = Recommender()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(plain(ids), model(ids))


def test_other_things_than_modules_are_refused() -> None:
    with pytest.raises(TypeError, match=r"fuse_embeddings: model is of type list, expected a torch.nn.Module"):
        fs.torch.fuse_embeddings([nn.Embedding(5, 2)])
