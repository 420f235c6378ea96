"""Every read of a deferred table sees the values of a dense optimizer, or raises an error."""

import copy
import gc
import io
import pickle
import shutil
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional

import fusedstep as fs

# torch warns of its own code.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")

ROWS, WIDTH = 23, 3


class Pair:
    """An embedding whose rows Adam defers, and one that torch's Adam steps densely."""

    def __init__(self, deferred=None, **settings):
        torch.manual_seed(0)
        self.deferred = deferred or nn.Embedding(ROWS, WIDTH, sparse=True, dtype=torch.float64)
        self.dense = nn.Embedding(ROWS, WIDTH, dtype=torch.float64)
        self.dense.load_state_dict({"weight": self.deferred.weight.detach().clone()})
        self.optimizer = fs.torch.Adam(self.deferred.parameters(), lr=0.1, defer=[self.deferred], **settings)
        self.reference = torch.optim.Adam(self.dense.parameters(), lr=0.1, **settings)

    def train(self, look_up=None, steps=8, rows=lambda: torch.randint(0, ROWS, (4,))):
        """Take steps with some lookups, and compare the rows that each lookup sees."""
        look_up = self.deferred if look_up is None else look_up
        for _ in range(steps):
            ids, losses = rows(), []
            for see, optimizer in ((look_up, self.optimizer), (self.dense, self.reference)):
                optimizer.zero_grad()
                seen = see(ids)
                losses.append(seen)
                (seen * torch.linspace(-1, 1, WIDTH, dtype=seen.dtype)).square().sum().backward()
                optimizer.step()
            torch.testing.assert_close(*losses, rtol=0, atol=1e-11)

    def equal(self, seen):
        torch.testing.assert_close(seen.detach(), self.dense.weight.detach(), rtol=0, atol=1e-11)

    def owing(self):
        return not torch.allclose(self.deferred.weight, self.dense.weight, rtol=0, atol=1e-6)


EVERY = torch.arange(ROWS)


class Hashed(nn.Embedding):
    """An embedding that computes its rows."""

    def forward(self, words):
        return super().forward(words % ROWS)


class Renamed(nn.Embedding):
    """An embedding whose forward has another argument name and does not call its base class."""

    def forward(self, *, words, scale=1.0):
        return functional.embedding(words, self.weight, sparse=True) * scale


class Indexed(nn.Embedding):
    """An embedding that looks up without torch.nn.functional."""

    def forward(self, words):
        return self.weight[words]


def made(kind):
    torch.manual_seed(0)
    return kind(ROWS, WIDTH, sparse=True, dtype=torch.float64)


def other_module(pair):
    other = nn.Embedding(ROWS, WIDTH, sparse=True, dtype=torch.float64)
    other.weight = pair.deferred.weight
    return other


LOOKUPS = {
    "forward": lambda pair: pair.deferred.forward,
    "function": lambda pair: lambda ids: functional.embedding(ids, pair.deferred.weight, sparse=True),
    "function of names": lambda pair: (
        lambda ids: functional.embedding(input=ids, weight=pair.deferred.weight, sparse=True)
    ),
    "bag": lambda pair: (
        lambda ids: functional.embedding_bag(ids, pair.deferred.weight, torch.arange(len(ids)), sparse=True, mode="sum")
    ),
    "builtin": lambda pair: lambda ids: torch.embedding(pair.deferred.weight, ids, -1, False, True),
    "dispatcher": lambda pair: lambda ids: torch.ops.aten.embedding(pair.deferred.weight, ids, -1, False, True),
    "index": lambda pair: lambda ids: pair.deferred.weight[ids],
    "index_select": lambda pair: lambda ids: pair.deferred.weight.index_select(0, ids),
    "product": lambda pair: lambda ids: functional.one_hot(ids, ROWS).double() @ pair.deferred.weight,
    "linear": lambda pair: (
        lambda ids: functional.linear(functional.one_hot(ids, ROWS).double(), pair.deferred.weight.T)
    ),
    "another module": other_module,
    "functional_call": lambda pair: (
        lambda ids: torch.func.functional_call(pair.deferred, dict(pair.deferred.named_parameters()), (ids,))
    ),
}


@pytest.mark.parametrize("way", LOOKUPS)
def test_whatever_looks_rows_up_sees_them_up_to_date(way):
    pair = Pair()
    # Bound before any rows are deferred, as a method or a compiled graph may be.
    look_up = LOOKUPS[way](pair)
    pair.train(look_up)
    pair.train(steps=3)
    with torch.no_grad():
        pair.equal(look_up(EVERY))
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.owing()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Hashed, lambda module: lambda ids: module(ids + 5 * ROWS)),
        (Renamed, lambda module: lambda ids: module(words=ids, scale=1.0)),
        (Indexed, lambda module: module),
    ],
)
def test_subclasses_may_look_up_as_they_like(kind, words):
    module = made(kind)
    pair = Pair(module)
    pair.train(words(module))
    pair.equal(words(module.eval())(EVERY))


def test_a_later_hook_may_change_the_rows():
    pair = Pair()
    pair.deferred.register_forward_pre_hook(lambda module, ids: (ROWS - 1 - ids[0],))
    pair.train(lambda ids: pair.deferred(ROWS - 1 - ids))


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
    # Another optimizer has another table.
    states = copy.deepcopy(pair.optimizer.state_dict())
    pair.optimizer = fs.torch.Adam(module.parameters(), lr=0.1, defer=[module])
    pair.optimizer.load_state_dict(states)
    pair.train(look_up)
    pair.train(steps=2, rows=lambda: torch.tensor([1, 2]))
    assert pair.owing()


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
    assert pair.owing()


@pytest.mark.parametrize("way", ["function", "function of names", "bag"])
def test_a_graph_may_call_the_functions_that_look_up(way):
    torch._dynamo.reset()
    pair = Pair()
    pair.train(torch.compile(LOOKUPS[way](pair), backend="aot_eager", fullgraph=True))
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.owing()


# PyTorch 2.10 warns of how it loads.
@pytest.mark.filterwarnings("ignore:The given buffer is not writable:UserWarning")
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_an_exported_module_is_up_to_date_and_plain(training, strict):
    pair = Pair()
    pair.train()
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.owing()
    exported = torch.export.export(pair.deferred.train(training), (EVERY,), strict=strict)
    assert not any("fusedstep" in str(node.target) for node in exported.graph.nodes)
    assert not pair.owing()
    file = io.BytesIO()
    torch.export.save(exported, file)
    file.seek(0)
    pair.equal(torch.export.load(file).module()(EVERY))
    # The exported program has the same parameter.
    pair.train(steps=2)
    pair.equal(exported.module()(EVERY))


@pytest.mark.parametrize("maker", ["trace", "script"])
def test_torchscript_is_warned_of_and_what_it_misses_is_refused(maker):
    pair = Pair()
    pair.train(steps=3)
    model = nn.Sequential(pair.deferred)
    with pytest.warns(UserWarning, match=rf"torch.jit.{maker}: a table with deferred rows is recorded"):
        compiled = torch.jit.trace(model, (EVERY,)) if maker == "trace" else torch.jit.script(model)
    assert model[0] is pair.deferred
    pair.equal(compiled(EVERY))
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.owing()
    with pair.optimizer.up_to_date():
        pair.equal(compiled(EVERY))
        pair.train(compiled, steps=3)
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    refused(pair, compiled)
    # The hooks that TorchScript cannot compile are back.
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.owing()
    pair.deferred.eval()(torch.tensor([0]))
    assert not pair.owing()


@pytest.mark.parametrize("change", ["load", "second optimizer"])
def test_hooks_are_those_of_the_table_that_owes(change):
    module = made(nn.Embedding)
    optimizer = fs.torch.Adam(module.parameters(), lr=0.1, defer=[module])

    def owes_after_steps():
        for rows in ([0, 5], [1, 2]):
            optimizer.zero_grad()
            module(torch.tensor(rows)).sum().backward()
            optimizer.step()
        return owes()

    def owes():
        rows = optimizer._tables[module.weight]._rows
        return rows is not None and bool((rows._last_steps < rows._history.steps).any())

    assert owes_after_steps()
    if change == "load":
        optimizer.load_state_dict(optimizer.state_dict())
    else:
        optimizer = fs.torch.Adam(module.parameters(), lr=0.1, defer=[module])
    assert owes_after_steps()
    module.eval()(torch.tensor([0]))
    assert not owes()
    module.train()
    assert owes_after_steps()
    with pytest.warns(UserWarning, match=r"torch.jit.script: a table with deferred rows is recorded"):
        torch.jit.script(module)
    assert not owes()


def test_torchscript_from_before_is_refused_once_rows_sleep():
    module = made(nn.Embedding)
    compiled = torch.jit.script(module)
    pair = Pair(module)
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    refused(pair, compiled)


def refused(pair, look_up):
    """A gradient of an unseen lookup is refused, and changes nothing."""
    pair.optimizer.zero_grad()
    look_up(torch.tensor([1, 20])).sum().backward()
    memory = pair.optimizer._tables[pair.deferred.weight].memory()
    before, steps = memory.clone(), float(pair.optimizer.state[pair.deferred.weight]["step"])
    with pytest.raises(RuntimeError, match="Adam: a sparse gradient has row 20, which was not looked up since"):
        pair.optimizer.step()
    assert torch.equal(memory, before)
    assert float(pair.optimizer.state[pair.deferred.weight]["step"]) == steps
    pair.train(steps=3)
    pair.equal(pair.deferred(EVERY))


def test_a_gradient_made_by_hand_is_taken_once_rows_are_up_to_date():
    pair = Pair()
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    grad = torch.sparse_coo_tensor(torch.tensor([[5, 7]]), torch.ones(2, WIDTH, dtype=torch.float64), (ROWS, WIDTH))
    pair.deferred.weight.grad, pair.dense.weight.grad = grad, grad.to_dense()
    with pytest.raises(RuntimeError, match="has row 5"):
        pair.optimizer.step()
    pair.optimizer.flush()
    pair.optimizer.step()
    pair.reference.step()
    pair.equal(pair.deferred(EVERY))


def test_gradients_may_be_collected_over_several_lookups():
    pair = Pair()
    pair.train(steps=3)
    for _ in range(4):
        batches = torch.randint(0, ROWS, (3, 4))
        for module, optimizer in ((pair.deferred, pair.optimizer), (pair.dense, pair.reference)):
            optimizer.zero_grad()
            for ids in batches:
                module(ids).square().sum().backward()
            seen = [module(ids) for ids in batches]
            sum(each.sum() for each in seen).backward()
            optimizer.step()
    pair.equal(pair.deferred(EVERY))


def test_functions_of_torch_func_see_rows_up_to_date():
    pair = Pair(made(nn.Embedding).train())
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    pair.deferred.sparse = False

    def loss(module, params):
        return torch.func.functional_call(module, params, (EVERY,)).square().sum()

    found = [
        torch.func.grad(lambda params, module=module: loss(module, params))(dict(module.named_parameters()))["weight"]
        for module in (pair.deferred, pair.dense)
    ]
    torch.testing.assert_close(*found, rtol=0, atol=1e-11)
    pair.deferred.sparse = True
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    pair.equal(torch.func.vmap(lambda row: functional.embedding(row, pair.deferred.weight))(EVERY))


READS = {
    "clone": lambda weight: weight.clone(),
    "data": lambda weight: weight.data,
    "numpy": lambda weight: torch.from_numpy(weight.detach().numpy()),
    "tolist": lambda weight: torch.tensor(weight.tolist(), dtype=torch.float64),
    "parameter": nn.Parameter,
    "from_pretrained": lambda weight: nn.Embedding.from_pretrained(weight)(EVERY),
    "deepcopy": copy.deepcopy,
    "pickle": lambda weight: pickle.loads(pickle.dumps(weight)),  # noqa: S301 - our own
    "vector": lambda weight: nn.utils.parameters_to_vector([weight]).view(ROWS, WIDTH),
    "stack": lambda weight: torch.stack([weight, weight])[1],
    "transposed": lambda weight: weight.T.contiguous().T,
    "in place": lambda weight: weight.detach().add_(0),
    "detach": lambda weight: weight.detach() * 1,
    "rows": lambda weight: weight.detach()[EVERY],
    "foreach": lambda weight: torch._foreach_add([weight], 0)[0],
}


@pytest.mark.parametrize("way", READS)
def test_whatever_reads_the_table_sees_it_up_to_date(way):
    pair = Pair()
    pair.train(steps=3)
    earlier = pair.deferred.weight.detach()
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.owing()
    pair.equal(READS[way](pair.deferred.weight))
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    pair.equal(READS[way](earlier))


@pytest.mark.parametrize("way", [way for way in READS if way not in ("deepcopy", "pickle", "from_pretrained")])
def test_whatever_reads_the_table_in_a_compiled_function(way):
    torch._dynamo.reset()
    pair, seen = Pair(), READS[way]
    read = torch.compile(lambda ids: seen(pair.deferred.weight)[ids], backend="aot_eager")
    pair.train(steps=3)
    for _ in range(2):
        pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
        assert pair.owing()
        with torch.no_grad():
            pair.equal(read(EVERY))


def test_a_copied_parameter_is_plain():
    pair = Pair()
    pair.deferred.weight.mark = "kept"
    pair.train(steps=3)
    pickled = pickle.loads(pickle.dumps(pair.deferred.weight))  # noqa: S301 - our own
    for each in (copy.deepcopy(pair.deferred.weight), pickled):
        assert type(each) is nn.Parameter
        assert each.requires_grad
    assert vars(pickled) == {"mark": "kept"}
    assert type(copy.deepcopy(pair.deferred.state_dict())["weight"]) is torch.Tensor
    assert repr(pair.deferred.weight) == repr(nn.Parameter(pair.deferred.weight.detach().clone()))


def test_writing_comes_after_what_was_owed():
    pair = Pair()
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    for module in (pair.deferred, pair.dense):
        with torch.no_grad():
            module.weight.mul_(0.5)
            module.weight[3] = 1
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    pair.equal(pair.deferred(EVERY))
    for module in (pair.deferred, pair.dense):
        module.weight.data = torch.ones(ROWS, WIDTH, dtype=torch.float64)
    pair.equal(pair.deferred(EVERY))
    pair.train(steps=3)
    pair.equal(pair.deferred(EVERY))


CHANGES = {
    "half": lambda module: module.half(),
    "float": lambda module: module.float(),
    "bfloat16": lambda module: module.to(torch.bfloat16),
    "weight": lambda module: setattr(module.weight, "data", module.weight.data.float()),
    "grown": lambda module: setattr(module.weight, "data", torch.cat([module.weight.data, torch.ones(2, WIDTH)])),
    "grown elsewhere": lambda module: setattr(
        module.weight, "data", torch.cat([module.weight.detach(), torch.ones(2, WIDTH)])
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_converted_table_takes_its_steps_first(change):
    pair = Pair()
    pair.train(steps=3)
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.owing()
    CHANGES[change](pair.deferred)
    CHANGES[change](pair.dense)
    module = pair.deferred
    for seen in (
        module(EVERY),
        module.state_dict()["weight"],
        pickle.loads(pickle.dumps(module)).weight,  # noqa: S301 - our own
        copy.deepcopy(module).weight,
    ):
        assert seen.dtype == pair.dense.weight.dtype
        torch.testing.assert_close(seen[:ROWS].double(), pair.dense.weight[:ROWS].double(), rtol=0, atol=1e-3)


def test_another_layout_keeps_on():
    pair = Pair()
    pair.train(steps=3)
    for module in (pair.deferred, pair.dense):
        module.weight.data = module.weight.data.clone()
    pair.train(steps=5)
    assert pair.owing()
    pair.equal(pair.deferred(EVERY))


class TestReplacedWeights:
    def test_one_that_is_a_parameter_is_deferred(self):
        pair = Pair()
        pair.train(steps=3)
        for module, optimizer in ((pair.deferred, pair.optimizer), (pair.dense, pair.reference)):
            before = module.weight
            module.weight = nn.Parameter(torch.ones(ROWS, WIDTH, dtype=torch.float64))
            optimizer.param_groups[0]["params"] = [module.weight]
            del optimizer.state[before], before
        pair.train(steps=8)
        pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
        assert pair.owing()
        pair.equal(pair.deferred(EVERY))

    def test_one_that_is_none_is_said(self):
        pair = Pair()
        pair.train(steps=3)
        pair.deferred.weight = nn.Parameter(torch.ones(ROWS, WIDTH, dtype=torch.float64))
        pair.dense.load_state_dict({"weight": pair.deferred.weight.detach()})
        pair.reference.state.clear()
        pair.deferred(EVERY).sum().backward()
        with pytest.warns(
            UserWarning, match=r"Adam: the weight of Embedding\(23, 3, sparse=True\) was replaced by none"
        ):
            pair.optimizer.step()
        pair.optimizer.step()
        pair.optimizer.add_param_group({"params": [pair.deferred.weight], "defer": [pair.deferred]})
        pair.train(steps=5)
        pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
        assert pair.owing()
        pair.equal(pair.deferred(EVERY))

    def test_none_is_kept(self):
        pair = Pair()
        pair.train(steps=3)
        gone = weakref.ref(pair.deferred.weight)
        fresh = nn.Parameter(torch.ones(ROWS, WIDTH, dtype=torch.float64))
        pair.optimizer.state.clear()
        pair.optimizer.param_groups[0]["params"] = [fresh]
        pair.deferred.weight = fresh
        pair.deferred(EVERY).sum().backward()
        pair.optimizer.step()
        gc.collect()
        assert gone() is None


def deferring(way, module, other):
    """An optimizer with ``defer`` in a group."""
    if way == "group":
        groups = [{"params": module.parameters(), "defer": [module]}, {"params": other.parameters()}]
        return fs.torch.Adam(groups, lr=0.1)
    optimizer = fs.torch.Adam(other.parameters(), lr=0.1)
    optimizer.add_param_group({"params": module.parameters(), "defer": [module]})
    return optimizer


@pytest.mark.parametrize("way", ["group", "add_param_group"])
def test_a_group_may_defer(way):
    pair, other = Pair(), nn.Linear(2, 2)
    pair.optimizer = deferring(way, pair.deferred, other)
    pair.train()
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.owing()
    assert all("defer" not in group for group in pair.optimizer.state_dict()["param_groups"])
    pair.equal(pair.deferred(EVERY))
    pair.deferred, pair.optimizer = copy.deepcopy((pair.deferred, pair.optimizer))
    pair.train(steps=3, rows=lambda: torch.tensor([1, 2]))
    assert pair.owing()
    pair.equal(pair.deferred(EVERY))


def test_a_group_that_cannot_defer_is_not_added():
    module, other = made(nn.Embedding), nn.Linear(2, 2)
    optimizer = fs.torch.Adam(other.parameters())
    for group, error, sentence in (
        ({"params": module.parameters(), "defer": module}, TypeError, "defer is of type Embedding, expected a list"),
        ({"params": module.parameters(), "defer": [other]}, TypeError, r"defer\[0\] is of type Linear"),
        ({"params": [nn.Parameter(torch.ones(2))], "defer": [module]}, ValueError, r"defer\[0\].weight is not one"),
    ):
        with pytest.raises(error, match=f"Adam: {sentence}" if "none" not in sentence else sentence):
            optimizer.add_param_group(group)
        assert len(optimizer.param_groups) == 1
    with pytest.raises(TypeError, match="RMSprop: a group has the setting defer, which RMSprop does not take"):
        fs.torch.RMSprop([{"params": module.parameters(), "defer": [module]}])
    groups = [{"params": module.parameters(), "defer": [module]}]
    for _ in range(2):
        assert fs.torch.Adam(groups)._tables
        groups[0]["params"] = list(module.parameters())
