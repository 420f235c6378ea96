"""Steps inside torch.compile, as part of one graph."""

import copy
import shutil
from typing import Any

import pytest

import fusedstep as fs
from tests.torch.test_optimizer_training import build

torch = pytest.importorskip("torch")

SETTINGS: dict[str, dict[str, Any]] = {"SGD": {"momentum": 0.9}, "AdamW": {"amsgrad": True}}
pytestmark = [
    # Warnings of torch's compiler.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def model() -> Any:
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(2, 3, 2).to(memory_format=torch.channels_last)
    return torch.nn.Sequential(convolution, torch.nn.Flatten(), torch.nn.Linear(12, 1))


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize("name", ["SGD", "AdamW", "SparseAdam", "Adagrad", "NAdam", "FTRL"])
def test_a_step_is_one_graph(name: str, backend: str) -> None:
    if backend == "inductor" and not (shutil.which("gcc") or shutil.which("clang")):
        pytest.skip("inductor needs a C++ compiler")
    from torch._dynamo.testing import CompileCounterWithBackend

    torch._dynamo.reset()
    models = model(), model()
    rates = torch.tensor(0.5), torch.tensor(0.5)
    optimizers = [
        build(name, each.parameters(), lr=rate, **SETTINGS.get(name, {}))
        for each, rate in zip(models, rates, strict=True)
    ]
    counter = CompileCounterWithBackend(backend)

    @torch.compile(fullgraph=True, backend=counter)
    def step() -> None:
        optimizers[1].step()

    for _ in range(4):
        for each, optimizer in zip(models, optimizers, strict=True):
            optimizer.zero_grad()
            each(torch.ones(2, 2, 3, 3)).square().sum().backward()
        optimizers[0].step()
        step()
        for rate in rates:
            rate.mul_(0.5)
        for one, two in zip(*(each.parameters() for each in models), strict=True):
            assert torch.equal(one, two)
            for key, state in optimizers[0].state[one].items():
                assert torch.equal(torch.as_tensor(state), torch.as_tensor(optimizers[1].state[two][key])), key
    # The states exist after the first call, and no tensor's value is a constant of the graph.
    assert counter.frame_count <= 2


@pytest.mark.parametrize("before", ["stepped", "loaded"])
@pytest.mark.parametrize("name", ["SGD", "AdamW", "SparseAdam", "NAdam", "FTRL"])
def test_a_graph_goes_on_where_other_steps_ended(name: str, before: str) -> None:
    torch._dynamo.reset()
    params = [torch.nn.Parameter(torch.linspace(-1, 1, 5)) for _ in range(2)]
    optimizers = [build(name, [param], lr=0.5, **SETTINGS.get(name, {})) for param in params]

    def step(*steps: Any) -> None:
        for param, take in zip(params, steps, strict=True):
            param.grad = torch.linspace(0.5, -1, 5)
            take()

    step(*(optimizer.step for optimizer in optimizers))
    if before == "loaded":
        checkpoint = copy.deepcopy(optimizers[1].state_dict())
        optimizers[1] = build(name, params[1:], lr=0.5, **SETTINGS.get(name, {}))
        optimizers[1].load_state_dict(checkpoint)
    compiled = torch.compile(lambda: optimizers[1].step(), backend="aot_eager", fullgraph=True)
    step(optimizers[0].step, compiled)
    step(*(optimizer.step for optimizer in optimizers))
    step(optimizers[0].step, compiled)
    assert torch.equal(*params)
    assert optimizers[1].state_dict()["state"].keys() == optimizers[0].state_dict()["state"].keys()


def test_sparse_gradients_break_the_graph() -> None:
    torch._dynamo.reset()
    tables = [torch.nn.Embedding(10, 4, sparse=True) for _ in range(2)]
    tables[1].load_state_dict(tables[0].state_dict())
    optimizers = [fs.torch.SparseAdam(table.parameters()) for table in tables]
    steps = optimizers[0].step, torch.compile(lambda: optimizers[1].step(), backend="aot_eager")
    for _ in range(3):
        for table, step in zip(tables, steps, strict=True):
            table.zero_grad()
            table(torch.tensor([1, 2, 2])).square().sum().backward()
            step()
    assert torch.equal(tables[0].weight, tables[1].weight)


def test_the_operator_is_as_torch_wants_it() -> None:
    param = torch.nn.Parameter(torch.ones(3))
    optimizer = fs.torch.SGD([param], momentum=0.5)
    param.grad = torch.ones(3)
    optimizer.step()
    given = [torch.ones(3)], [torch.ones(3)], [torch.ones(3)], [0], [1], optimizer._graph_number, 0, []
    torch.library.opcheck(torch.ops.fusedstep.step.default, given)
    assert param.tolist() == pytest.approx([0.999] * 3)


def test_steps_before_one_that_fails_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """States that a graph made count as unused until a step has used them."""
    params = [torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(2, 3))]
    optimizer = fs.torch.Adam(params, lr=0.1)
    # An expanded gradient is stepped by itself.
    params[0].grad, params[1].grad = torch.ones(3), torch.ones(3).expand(2, 3)

    update = optimizer._update

    def fail(group: Any, operator: Any, param: Any, *others: Any) -> Any:
        if param.shape == (2, 3):
            raise ValueError("the second parameter")
        return update(group, operator, param, *others)

    step = torch.compile(optimizer.step, backend="eager")
    with monkeypatch.context() as patch:
        patch.setattr(optimizer, "_update", fail)
        with pytest.raises(ValueError, match="the second parameter"):
            step()
        # What is raised in a graph leaves torch's modes as they are in the graph.
        torch.set_grad_enabled(True)
    assert params[0].tolist() == pytest.approx([0.9] * 3)
    assert optimizer.state_dict()["state"].keys() == {0}
    assert optimizer.state[params[0]]["step"] == 1
    optimizer.step()
    assert [float(optimizer.state[each]["step"]) for each in params] == [2, 1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["Adam", "NAdam"])
def test_a_parameter_that_is_there_twice_is_stepped_twice(name: str) -> None:
    found = []
    for compiled in (False, True):
        param = torch.nn.Parameter(torch.ones(3))
        optimizer = getattr(fs.torch, name)([param, param], lr=0.5)
        step = torch.compile(lambda its=optimizer: its.step(), backend="aot_eager") if compiled else optimizer.step
        for _ in range(2):
            param.grad = torch.ones(3)
            step()
        found.append((param.tolist(), optimizer.state[param]["step"].item()))
    assert found[0] == found[1]
