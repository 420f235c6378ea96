"""The optimizers with parameters on a device, compared with the CPU."""

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
import torch

import fusedstep as fs
from fusedstep.arrays import torch_device
from fusedstep.arrays.devices import on_device
from fusedstep.torch import settings
from tests.captured import capture
from tests.devices import DEVICE, INTERPRETED, LONG_INTERPRETED, host
from tests.torch.test_optimizer import ALL, ROWS, build
from tests.waits import NoWaits

pytestmark = pytest.mark.gpu

# Settings that select other rules or switches; the first of each class runs with dense and with sparse gradients.
SETTINGS: dict[str, tuple[dict[str, Any], ...]] = {name: ({},) for name in ALL} | {
    row.name: (row.settings or row.sparse)[:3] for row in ROWS
}
TABLE = [
    # The interpreter runs each setting with dense or sparse gradients, the first with both.
    pytest.param(name, each, sparse, id=f"{name}-{n}-{sparse}", marks=LONG_INTERPRETED if n and n % 2 != sparse else ())
    for name in ALL
    for n, each in enumerate(SETTINGS[name])
    for sparse in (False, True)
]
CAPTURABLE = ["Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adadelta"]
# These differ from the CPU in the last places: sums of rows, and NAdam's float32 product, which the interpreter takes
# for a tensor on a device.
NEAR = {"RowwiseAdagrad", "NAdam"}


class Pair:
    """The same parameters on the CPU and on the device, with the same optimizer."""

    def __init__(self, name: str, settings: dict[str, Any], sparse: bool, **others: Any) -> None:
        self.generator, self.sparse = torch.Generator().manual_seed(7), sparse
        shapes = [(23, 5), (7, 3)] if sparse or name == "RowwiseAdagrad" else [(11, 5), (3, 4, 2), (), (6,)]
        values = [torch.randn(shape, generator=self.generator) for shape in shapes]
        self.theirs = [torch.nn.Parameter(each.clone()) for each in values]
        self.ours = [torch.nn.Parameter(each.clone().to(DEVICE)) for each in values]
        with host():
            self.their = build(name, self.theirs, **settings)
        self.our = build(name, self.ours, **settings, **others)

    def gradient(self, param: Any) -> Any:
        if not self.sparse:
            return torch.randn(param.shape, generator=self.generator)
        rows = torch.randint(0, len(param), (1, 9), generator=self.generator)
        values = torch.randn((9, *param.shape[1:]), generator=self.generator)
        return torch.sparse_coo_tensor(rows, values, param.shape, check_invariants=True)

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            for their, our in zip(self.theirs, self.ours, strict=True):
                their.grad = self.gradient(their)
                our.grad = their.grad.to(DEVICE, copy=True)
            with host():
                self.their.step()
            self.our.step()

    def compare(self, bound: float = 0.0) -> None:
        for their, our in zip(self.theirs, self.ours, strict=True):
            states, expected = self.our.state[our], self.their.state[their]
            assert states.keys() == expected.keys()
            for key, got, want in [("", our, their), *((key, states[key], expected[key]) for key in expected)]:
                if isinstance(want, torch.Tensor):
                    # Steps are counted on the host, unless a graph may capture them.
                    counted = key in ("step", "mu_product")
                    assert (counted and bound) or got.device.type == ("cpu" if counted else DEVICE), key
                    torch.testing.assert_close(got.cpu(), want, rtol=bound, atol=bound, msg=key, check_device=False)


@pytest.mark.parametrize(("name", "settings", "sparse"), TABLE)
def test_steps_equal_the_cpus(name: str, settings: dict[str, Any], sparse: bool, device: str) -> None:
    if settings.get("momentum") and name == "SGD" and sparse:
        settings = settings | {"rows": "every"}
    pair = Pair(name, settings, sparse)
    pair.step(3)
    pair.compare(1e-6 if name in NEAR else 0.0)


@pytest.mark.parametrize("name", CAPTURABLE)
def test_capturable_steps_count_on_the_device(name: str, device: str) -> None:
    pair = Pair(name, {}, sparse=False, capturable=True)
    pair.step(3)
    state = pair.our.state[pair.ours[0]]
    assert state["step"].device.type == DEVICE
    assert state["step"].item() == 3
    pair.compare(2e-6)
    with host():
        param = torch.nn.Parameter(torch.ones(2))
        param.grad = torch.ones(2)
        build(name, [param], capturable=True).step()
        assert (param < 1).all()


def test_settings_that_do_not_go_together(device: str) -> None:
    table = torch.nn.Embedding(4, 2, sparse=True, device=DEVICE)
    with pytest.raises(NotImplementedError, match=r"^Adam: differentiable is True, expected False beside defer"):
        fs.torch.Adam(table.parameters(), defer=[table], capturable=True, differentiable=True)
    with pytest.raises(TypeError, match=r"^Adam: capturable is 'no'"):
        fs.torch.Adam(table.parameters(), capturable="no")


@contextlib.contextmanager
def counting_on_the_host() -> Iterator[None]:
    """Takes counts of steps, which are on the CPU, for what they are, where the CPU is taken for a device."""
    with mock.patch.object(settings, "on_device", lambda value: on_device(value) and not INTERPRETED):
        yield


DEFERRING = ["Adam", "AdamW", "SparseAdam", "SGD", "FTRL", "ProximalAdagrad"]


@pytest.mark.parametrize(("name", "capturable"), [*((each, False) for each in DEFERRING), ("Adam", True)])
def test_deferred_tables(name: str, capturable: bool, device: str) -> None:
    if not capturable:
        with counting_on_the_host():
            compare_deferred_tables(name, {}, 0)
    else:
        # Powers of the betas are PyTorch's on the device.
        compare_deferred_tables(name, {"capturable": True}, 2e-6)


def compare_deferred_tables(name: str, others: dict[str, Any], bound: float) -> None:
    torch.manual_seed(3)
    table = torch.nn.Embedding(40, 6, sparse=True)
    other = copy.deepcopy(table).to(DEVICE)
    with host():
        their = build(name, table.parameters(), lr=0.1, defer=[table])
    our = build(name, other.parameters(), lr=0.1, defer=[other], **others)
    for _ in range(6):
        rows = torch.randint(0, 40, (7,))
        weights = torch.randn(7, 6)
        for module, optimizer, named, scale in ((table, their, rows, weights), (other, our, rows, weights)):
            if module is table:
                with host():
                    take(module, optimizer, named, scale)
            else:
                take(module, optimizer, named.to(DEVICE), scale.to(DEVICE))
    with host():
        expected = copy.deepcopy(their.state_dict())
    found = our.state_dict()
    torch.testing.assert_close(other.weight.cpu(), table.weight, rtol=bound, atol=bound)
    # An optimizer without states has no entry.
    assert found["state"].keys() == expected["state"].keys()
    for key, want in expected["state"].get(0, {}).items():
        got, want = torch.as_tensor(found["state"][0][key]).cpu(), torch.as_tensor(want)
        torch.testing.assert_close(got, want, rtol=bound, atol=bound)


def take(module: torch.nn.Embedding, optimizer: Any, rows: torch.Tensor, weights: torch.Tensor) -> None:
    optimizer.zero_grad()
    (module(rows) * weights).sum().backward()
    optimizer.step()


class DeferredModel:
    """Two embeddings of which one is deferred, with inputs that do not move."""

    def __init__(self, name: str, kind: Any, **others: Any) -> None:
        torch.manual_seed(5)
        self.first, self.second = (kind(30, 4, sparse=True, device=DEVICE) for _ in range(2))
        both = [*self.first.parameters(), *self.second.parameters()]
        self.optimizer = getattr(fs.torch, name)(both, defer=[self.first], **others)
        self.ids, self.weights = torch.arange(12, device=DEVICE).reshape(6, 2), torch.ones(6, 4, device=DEVICE)
        self.random = torch.Generator().manual_seed(1)

    def refill(self) -> None:
        self.ids.copy_(torch.randint(0, 30, (6, 2), generator=self.random))
        self.weights.copy_(torch.randn(6, 4, generator=self.random))

    def look_up(self, module: Any) -> torch.Tensor:
        found: torch.Tensor = module(self.ids)
        return found if found.dim() == 2 else found.sum(1)

    def train(self) -> None:
        self.optimizer.zero_grad()
        (self.look_up(self.first) * torch.tanh(self.look_up(self.second)) * self.weights).sum().backward()
        self.optimizer.step()


def compare_models(ours: DeferredModel, theirs: DeferredModel) -> None:
    for got, want in zip(
        ours.optimizer.param_groups[0]["params"], theirs.optimizer.param_groups[0]["params"], strict=True
    ):
        assert torch.equal(got, want)


@pytest.mark.parametrize("kind", [torch.nn.Embedding, torch.nn.EmbeddingBag, fs.torch.EmbeddingBag])
def test_a_graph_trains_a_deferred_table(kind: Any, device: str) -> None:
    ours, theirs = (DeferredModel("Adam", kind, lr=0.1, capturable=True) for _ in range(2))
    for model in (ours, theirs):
        model.train()
    with capture() as graph:
        ours.train()
    theirs.train()
    if INTERPRETED:
        assert any("loop gpu/catch_up" in each for each in graph.kernels)
        # What loads a kernel may wait, which a capture cannot.
        assert graph.loaded == 0
    for step in range(8):
        for model in (ours, theirs):
            model.refill()
            if step == 4:
                # A step outside the graph, and a checkpoint, after which the graph goes on.
                model.train()
                model.optimizer.state_dict()
                model.refill()
        graph.replay()
        theirs.train()
        if step == 6:
            compare_models(ours, theirs)
    compare_models(ours, theirs)


def both_train(models: tuple[DeferredModel, DeferredModel], replay: Callable[[], None] | None = None) -> None:
    """Refills and trains two models, the first by a replay if there is one."""
    for model in models:
        model.refill()
    (replay or models[0].train)()
    models[1].train()


@pytest.mark.parametrize("kind", ["up to date", "dense", "lookup"])
def test_a_graph_that_takes_rows_to_be_up_to_date_stays_right(kind: str, device: str) -> None:
    models = ours, theirs = tuple(DeferredModel("Adam", torch.nn.Embedding, lr=0.1, capturable=True) for _ in range(2))
    for model in models:
        if kind == "up to date":
            with model.optimizer.up_to_date():
                model.train()
        else:
            model.optimizer.zero_grad()
            (model.first.weight.square().sum() + model.second.weight.square().sum()).backward()
            model.optimizer.step()
    with ours.optimizer.up_to_date() if kind == "up to date" else contextlib.nullcontext(), capture() as graph:
        found = ours.look_up(ours.first)
        if kind == "up to date":
            ours.train()
    if kind == "up to date":
        theirs.train()
    # These steps owe nothing: all rows take them.
    both_train(models)
    both_train(models)
    if kind == "up to date":
        both_train(models, graph.replay)
    else:
        for model in models:
            model.refill()
        graph.replay()
        torch.testing.assert_close(found, theirs.look_up(theirs.first), rtol=1e-5, atol=1e-5)
    for got, want in zip(
        ours.optimizer.param_groups[0]["params"], theirs.optimizer.param_groups[0]["params"], strict=True
    ):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


def test_a_graph_goes_on_after_a_state_is_loaded_in_place(device: str) -> None:
    models = ours, theirs = tuple(DeferredModel("Adam", torch.nn.Embedding, lr=0.1, capturable=True) for _ in range(2))
    ours.train()
    theirs.train()
    with capture() as graph:
        ours.train()
    theirs.train()
    for model in models:
        model.optimizer.load_state_dict(model.optimizer.state_dict())
    for step in range(4):
        both_train(models, graph.replay if step != 2 else None)
        with torch.no_grad():
            assert torch.equal(ours.look_up(ours.first), theirs.look_up(theirs.first))
    compare_models(ours, theirs)


def test_replays_are_seen_after_a_setting_has_changed(device: str) -> None:
    ours = DeferredModel("Adam", torch.nn.Embedding, lr=0.1, capturable=True)
    ours.train()
    with capture() as graph:
        ours.train()
    ours.optimizer.param_groups[0]["maximize"] = True
    ours.train()
    graph.replay()
    with ours.optimizer.up_to_date():
        before = ours.first.weight.clone()
        ours.optimizer.flush()
        assert torch.equal(ours.first.weight, before)
    rows = ours.optimizer._tables[ours.first.weight]._of_graphs
    assert len(rows) == 1
    assert not rows[0]._last_steps.any()


def test_a_count_on_the_host_is_not_captured(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    param = torch.nn.Parameter(torch.ones(3, device=DEVICE))
    optimizer = fs.torch.Adam([param], capturable=True)
    param.grad = torch.ones_like(param)
    optimizer.step()
    optimizer.state[param]["step"] = torch.zeros((), device="meta")
    monkeypatch.setattr(torch_device, "capturing", lambda like: True)
    with pytest.raises(RuntimeError, match="Adam: the state step is on meta, expected"):
        optimizer.step()


@pytest.mark.parametrize(("name", "others"), [("Adam", {"capturable": True}), ("SGD", {"lr": 0.1})])
def test_a_lookup_is_not_captured_before_a_step_that_a_graph_may_repeat(
    name: str, others: dict[str, Any], device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = DeferredModel(name, torch.nn.Embedding, **others)
    with monkeypatch.context() as patched:
        patched.setattr(torch_device, "capturing", lambda like: True)
        with pytest.raises(RuntimeError, match=r"a graph captures a lookup .* before a step with capturable=True"):
            model.train()
        with torch.no_grad():
            model.look_up(model.first)
    model.train()
    monkeypatch.setattr(torch_device, "capturing", lambda like: True)
    if name == "Adam":
        model.train()
    else:
        with pytest.raises(RuntimeError, match=r"^SGD: a graph is captured, and the steps that rows owe are counted"):
            model.train()


def test_a_setting_on_the_device_is_not_read(device: str) -> None:
    given: list[Callable[[], Any]] = [lambda: torch.tensor(0.1, device=DEVICE), lambda: 0.1]
    models = [DeferredModel("SGD", torch.nn.Embedding, lr=each()) for each in given]
    for model in models:
        for _ in range(4):
            model.refill()
            with NoWaits():
                model.train()
    compare_models(*models)


def test_a_checkpoint_moves_to_the_device_and_back(device: str) -> None:
    pair = Pair("Adam", {"amsgrad": True}, sparse=False)
    pair.step(2)
    fresh = build("Adam", [torch.nn.Parameter(each.detach().cpu().clone()) for each in pair.ours], amsgrad=True)
    fresh.load_state_dict(copy.deepcopy(pair.our.state_dict()))
    pair.our.load_state_dict(copy.deepcopy(pair.their.state_dict()))
    pair.step()
    pair.compare()


@pytest.mark.skipif(INTERPRETED, reason="there is no graph to capture in the interpreter; make test-gpu")
def test_a_graph_trains(device: str) -> None:
    pair = Pair("AdamW", {}, sparse=False, capturable=True)
    pair.step(3)
    grads = [torch.randn_like(each) for each in pair.ours]
    for our, their, grad in zip(pair.ours, pair.theirs, grads, strict=True):
        our.grad, their.grad = grad, grad.cpu()
    other = build("AdamW", pair.ours)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        pair.our.step()
        with pytest.raises(RuntimeError, match="AdamW: capturable is False"):
            other.step()
    for _ in range(4):
        graph.replay()
        pair.their.step()
    pair.compare(2e-6)


@pytest.mark.skipif(INTERPRETED, reason="nothing waits in the interpreter; make test-gpu")
def test_steps_do_not_wait_for_the_device(device: str) -> None:
    table = torch.nn.Embedding(40, 6, sparse=True, device=DEVICE)
    optimizer = fs.torch.SparseAdam(table.parameters())
    rows = torch.randint(0, 40, (7,), device=DEVICE)
    try:
        for mode in ("default", "error"):
            table(rows).sum().backward()
            torch.cuda.set_sync_debug_mode(mode)
            optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def unusual(kind: str) -> tuple[Any, Any]:
    """A parameter that kernels do not see as it is, or a gradient that they do not take as it is."""
    values = torch.linspace(-1, 1, 12).reshape(4, 3)
    grad = torch.linspace(1, -2, 12).reshape(4, 3)
    entries = torch.sparse_coo_tensor(torch.tensor([[1, 3, 1], [0, 2, 0]]), grad[0], (4, 3), check_invariants=True)
    return {
        "entries": (values, entries),
        "complex": (torch.complex(values, -values), torch.complex(grad, values)),
        "gaps": (torch.stack([values, values], -1)[..., 0], grad),
        "gaps and rows": (torch.stack([values, values], -1)[..., 0], grad.to_sparse(1)),
        "transposed and rows": (values.t().contiguous().t(), grad.to_sparse(1)),
        "wide": (values, grad.double()),
        "narrow": (values, grad.bfloat16()),
        "states": (values.bfloat16(), grad.bfloat16()),
    }[kind]


UNUSUAL = ["entries", "complex", "gaps", "gaps and rows", "transposed and rows", "wide", "narrow", "states"]


@pytest.mark.parametrize("kind", UNUSUAL)
def test_unusual_parameters_and_gradients(kind: str, device: str) -> None:
    values, grad = unusual(kind)
    made = []
    for place in ("cpu", DEVICE):
        param = values.to(place, copy=True).detach().requires_grad_()
        param.grad_dtype = None
        param.grad = grad.to(place, copy=True)
        with contextlib.nullcontext() if made else host():
            optimizer = fs.torch.Adam([param], lr=0.1, state_dtype=torch.float16 if kind == "states" else None)
            for _ in range(2):
                optimizer.step()
        made.append((param, optimizer.state[param]))
    (expected, states), (param, found) = made
    assert torch.equal(param.cpu(), expected)
    for key in ("exp_avg", "exp_avg_sq"):
        assert torch.equal(found[key].cpu(), states[key])


def test_recorded_steps_run_on_the_device(device: str) -> None:
    rate = torch.tensor(0.5, device=DEVICE, requires_grad=True)
    param = torch.ones(3, device=DEVICE)
    optimizer = fs.torch.SGD([param], lr=rate, differentiable=True)
    param.grad = torch.full((3,), 2.0, device=DEVICE)
    optimizer.step()
    param.sum().backward()
    assert rate.grad.item() == -6
