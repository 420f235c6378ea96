"""Lookups in graphs: torch.compile, torch.export and TorchScript."""

import copy
import io
import shutil

import pytest
import torch
from torch import nn

import fusedstep as fs
from tests.torch.test_lookups import EVERY, LOOKUPS, READS, ROWS, WIDTH, Pair, made, refused

# torch says so of its own code.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


@pytest.mark.parametrize("called_before", [False, True])
@pytest.mark.parametrize("what", ["module", "forward"])
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_a_graph_compiled_before_there_is_an_optimizer(backend, what, called_before):
    if backend == "inductor" and not (shutil.which("gcc") or shutil.which("clang")):
        pytest.skip("inductor needs a C++ compiler")
    torch._dynamo.reset()
    module = made(nn.Embedding)
    look_up = torch.compile(module if what == "module" else module.forward, backend=backend, fullgraph=True)
    if called_before:
        look_up(torch.tensor([1, 2, 3, 4]))
    pair = Pair(module)
    pair.train(look_up)
    pair.train(steps=3)
    with torch.no_grad():
        pair.equal(look_up(EVERY))
    # Another optimizer's table is another one.
    states = copy.deepcopy(pair.optimizer.state_dict())
    pair.optimizer = fs.torch.Adam(module.parameters(), lr=0.1, defer=[module])
    pair.optimizer.load_state_dict(states)
    pair.train(look_up)
    pair.train(steps=2, rows=lambda: torch.tensor([1, 2]))
    assert pair.asleep()


def test_a_model_is_compiled_in_one_graph():
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = nn.Sequential(nn.EmbeddingBag(ROWS, WIDTH, sparse=True), nn.Linear(WIDTH, 1)).double()
    dense = nn.Sequential(nn.EmbeddingBag(ROWS, WIDTH), nn.Linear(WIDTH, 1)).double()
    dense.load_state_dict(model.state_dict())
    optimizer = fs.torch.Adam(model.parameters(), lr=0.1, defer=[model[0]])
    reference = torch.optim.Adam(dense.parameters(), lr=0.1)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for _ in range(8):
        rows = torch.randint(0, ROWS, (4, 2))
        for see, its in ((compiled, optimizer), (dense, reference)):
            its.zero_grad()
            see(rows).square().sum().backward()
            its.step()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, dense.state_dict()[name], rtol=0, atol=1e-11)


def test_a_product_with_the_whole_table_may_be_compiled():
    torch._dynamo.reset()
    pair = Pair()
    pair.train(torch.compile(LOOKUPS["product"](pair), backend="aot_eager"))
    pair.train(steps=2)
    pair.equal(torch.compile(LOOKUPS["product"](pair), backend="aot_eager")(EVERY))


FACTS = {
    "shape": lambda weight: weight.shape[1],
    "size": lambda weight: weight.size(1),
    "dtype": lambda weight: WIDTH if weight.dtype is torch.float64 else 0,
    "device": lambda weight: torch.full((), WIDTH, device=weight.device),
    "requires_grad": lambda weight: WIDTH * weight.requires_grad,
    "zeros_like": lambda weight: WIDTH + torch.zeros_like(weight)[0],
    "new_zeros": lambda weight: WIDTH + weight.new_zeros(WIDTH),
}


@pytest.mark.parametrize("fact", FACTS)
def test_a_graph_may_ask_what_a_table_is(fact):
    torch._dynamo.reset()
    pair = Pair()

    def look_up(ids):
        return pair.deferred(ids) * FACTS[fact](pair.deferred.weight) / WIDTH

    pair.train(torch.compile(look_up, backend="aot_eager", fullgraph=True))
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.asleep()


@pytest.mark.parametrize("way", ["function", "function of names", "bag"])
def test_a_graph_may_call_the_functions_that_look_up(way):
    torch._dynamo.reset()
    pair = Pair()
    pair.train(torch.compile(LOOKUPS[way](pair), backend="aot_eager", fullgraph=True))
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.asleep()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_an_exported_module_is_up_to_date_and_plain(training, strict):
    pair = Pair()
    pair.train()
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.asleep()
    exported = torch.export.export(pair.deferred.train(training), (EVERY,), strict=strict)
    assert not any("fusedstep" in str(node.target) for node in exported.graph.nodes)
    assert not pair.asleep()
    file = io.BytesIO()
    torch.export.save(exported, file)
    file.seek(0)
    pair.equal(torch.export.load(file).module()(EVERY))
    # What is exported has the same parameter.
    pair.train(steps=2)
    pair.equal(exported.module()(EVERY))


@pytest.mark.parametrize("maker", ["trace", "script"])
def test_torchscript_is_warned_of_and_what_it_misses_is_refused(maker):
    pair = Pair()
    pair.train(steps=3)
    model = nn.Sequential(pair.deferred)
    with pytest.warns(UserWarning, match=rf"torch.jit.{maker}: a table with deferred rows is written down"):
        compiled = torch.jit.trace(model, (EVERY,)) if maker == "trace" else torch.jit.script(model)
    assert model[0] is pair.deferred
    pair.equal(compiled(EVERY))
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.asleep()
    with pair.optimizer.up_to_date():
        pair.equal(compiled(EVERY))
        pair.train(compiled, steps=3)
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    refused(pair, compiled)
    # What was taken off the module for TorchScript is back.
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.asleep()
    pair.deferred.eval()(torch.tensor([0]))
    assert not pair.asleep()


def test_torchscript_from_before_is_refused_once_rows_sleep():
    module = made(nn.Embedding)
    compiled = torch.jit.script(module)
    pair = Pair(module)
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    refused(pair, compiled)


@pytest.mark.parametrize("way", [way for way in READS if way not in ("deepcopy", "pickle", "from_pretrained")])
def test_whatever_reads_the_table_in_a_compiled_function(way):
    torch._dynamo.reset()
    pair, seen = Pair(), READS[way]
    read = torch.compile(lambda ids: seen(pair.deferred.weight)[ids], backend="aot_eager")
    pair.train(steps=3)
    for _ in range(2):
        pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
        assert pair.asleep()
        with torch.no_grad():
            pair.equal(read(EVERY))
