"""Steps use the current values of settings that are tensors, as in torch's optimizers."""

import copy
import inspect
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.rules import torch_sgd
from fusedstep.torch.settings import FLAGS
from tests.torch.test_optimizer import ALL, build

torch = pytest.importorskip("torch")

# Warnings of torch's compiler.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

# Numbers that float32 represents: each setting before and after a change.
BEFORE, AFTER = {"lr_power": -0.5}, {"lr_power": -0.25}
NUMBERS = ("lr", "eps", "weight_decay", "momentum", "dampening", "lr_decay", "alpha", "rho", "l1", "l2", "beta")
NUMBERS += ("lr_power", "momentum_decay", "sign_decay")
DEFERRING = [name for name in ALL if "defer" in inspect.signature(getattr(fs.torch, name)).parameters]
# Settings that 0 turns off.
SWITCHED_ON = [("SGD", "momentum"), ("SGD", "weight_decay"), ("SGD", "dampening"), ("RMSprop", "momentum")]


def settings_of(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """All settings of a class that are numbers, before and after a change."""
    known = inspect.signature(getattr(fs.torch, name)).parameters
    before = {each: BEFORE.get(each, 0.5) for each in NUMBERS if each in known}
    after = {each: AFTER.get(each, 0.25) for each in before}
    if "betas" in known:
        before["betas"], after["betas"] = (0.5, 0.75), (0.75, 0.875)
    if "logbase" in known:
        before["logbase"], after["logbase"] = 0.5, 0.25
    return before, after


def as_tensors(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(map(torch.tensor, value)) if isinstance(value, tuple) else torch.tensor(value)
        for name, value in settings.items()
    }


def change(tensors: dict[str, Any], settings: dict[str, Any]) -> None:
    """Change tensors in place."""
    for name, value in settings.items():
        pairs = zip(tensors[name], value, strict=True) if isinstance(value, tuple) else [(tensors[name], value)]
        for tensor, number in pairs:
            tensor.fill_(number)


def by_groups(name: str, param: Any, tensors: Any) -> Any:
    return build(name, [{"params": [param], **tensors}])


def added(name: str, param: Any, tensors: Any) -> Any:
    optimizer = build(name, [torch.nn.Parameter(torch.ones(1))])
    optimizer.add_param_group({"params": [param], **tensors})
    return optimizer


def by_name(name: str, param: Any, tensors: Any) -> Any:
    return build(name, [param], **tensors)


def of_one_element(name: str, param: Any, tensors: Any) -> Any:
    for value in tensors.values():
        for tensor in value if isinstance(value, tuple) else (value,):
            tensor.unsqueeze_(0)
    return build(name, [param], **tensors)


def loaded(name: str, param: Any, tensors: Any) -> Any:
    optimizer = build(name, [param], **tensors)
    optimizer.load_state_dict(optimizer.state_dict())
    # A checkpoint's settings are copies, in torch's optimizers too.
    tensors.update({each: optimizer.param_groups[-1][each] for each in tensors})
    return optimizer


@pytest.mark.parametrize("way", [by_name, by_groups, added, loaded, of_one_element])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("name", ALL)
def test_tensors_are_followed(name: str, kind: str, way: Any) -> None:
    before, after = settings_of(name)
    tensors = as_tensors(before)
    value = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    params = [torch.nn.Parameter(value.clone()) for _ in range(2)]
    optimizers = [way(name, params[0], tensors), build(name, [params[1]], **before)]
    for settings in (before, before, after, after, before):
        change(tensors, settings)
        optimizers[1].param_groups[-1].update(settings)
        for param, optimizer in zip(params, optimizers, strict=True):
            grad = param.detach() - 0.5
            sparse = torch.sparse_coo_tensor([[1, 2]], grad[1:3], grad.shape, check_invariants=True)
            param.grad = sparse if kind == "sparse" else grad
            optimizer.step()
        assert torch.equal(*params)
    assert all(optimizers[0].param_groups[-1][name] is tensors[name] for name in before if name != "betas")
    assert not torch.equal(params[0], value)


@pytest.mark.parametrize("name", DEFERRING)
def test_deferred_rows_follow_them(name: str) -> None:
    before, after = settings_of(name)
    tensors = as_tensors(before)
    tables = [torch.nn.Embedding(6, 2, sparse=True) for _ in range(2)]
    tables[1].load_state_dict(tables[0].state_dict())
    settings = [tensors, copy.deepcopy(before)]
    optimizers = [
        build(name, each.parameters(), defer=[each], **given) for each, given in zip(tables, settings, strict=True)
    ]
    for number, current in enumerate((before, before, after, after, before)):
        change(tensors, current)
        optimizers[1].param_groups[0].update(current)
        for table, optimizer in zip(tables, optimizers, strict=True):
            optimizer.zero_grad()
            table(torch.tensor([number, 2])).square().sum().backward()
            optimizer.step()
    for optimizer in optimizers:
        optimizer.flush()
    assert torch.equal(tables[0].weight, tables[1].weight)


@pytest.mark.parametrize("name", ALL)
def test_compiled_steps_follow_them_without_being_compiled_again(name: str) -> None:
    from torch._dynamo.testing import CompileCounterWithBackend

    torch._dynamo.reset()
    before, _ = settings_of(name)
    tensors = as_tensors(before)
    params = [torch.nn.Parameter(torch.linspace(-1, 1, 6)) for _ in range(2)]
    numbers = as_tensors(before)
    optimizers = [build(name, params[:1], **tensors), build(name, params[1:], **numbers)]
    counter = CompileCounterWithBackend("aot_eager")
    ours = [each for value in tensors.values() for each in (value if isinstance(value, tuple) else (value,))]
    theirs = [each for value in numbers.values() for each in (value if isinstance(value, tuple) else (value,))]

    @torch.compile(fullgraph=True, backend=counter)
    def step() -> None:
        optimizers[0].step()
        # Changes by the graph itself happen after the step, and before the next one.
        for each in ours:
            each.mul_(0.5)
        optimizers[0].step()

    for _ in range(3):
        for param in params:
            param.grad = param.detach() - 0.5
        step()
        optimizers[1].step()
        for each in theirs:
            each.mul_(0.5)
        optimizers[1].step()
        assert torch.equal(*params)
        for each in (*ours, *theirs):
            each.mul_(0.75)
    assert counter.frame_count <= 2


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("name", "setting"), SWITCHED_ON)
def test_what_was_off_can_be_switched_on(name: str, setting: str, compiled: bool) -> None:
    torch._dynamo.reset()
    others = {"momentum": 0.5} if setting == "dampening" else {}
    tensor = torch.tensor(0.0)
    params = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
    ours = build(name, params[:1], lr=0.5, **others, **{setting: tensor})
    theirs = build(name, params[1:], lr=0.5, **others, **{setting: 0.0})
    step = torch.compile(ours.step, fullgraph=True, backend="aot_eager") if compiled else ours.step
    for value in (0.0, 0.0, 0.5, 0.5, 0.0, 0.25):
        tensor.fill_(value)
        theirs.param_groups[0][setting] = value
        for param in params:
            param.grad = param.detach() - 0.25
        step()
        theirs.step()
        assert torch.equal(*params)
        states = ours.state[params[0]], theirs.state[params[1]]
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "NAdam"])
def test_torchs_follow_them_too(name: str) -> None:
    before, after = {"lr": 0.5, "weight_decay": 0.25}, {"lr": 0.25, "weight_decay": 0.5}
    if name == "Adam":
        before, after = before | {"betas": (0.5, 0.75)}, after | {"betas": (0.75, 0.875)}
    params = [torch.nn.Parameter(torch.linspace(-1, 1, 6, dtype=torch.float64)) for _ in range(2)]
    given = as_tensors(before), as_tensors(before)
    optimizers = [
        getattr(module, name)([param], **settings, foreach=False)
        for module, param, settings in zip((fs.torch, torch.optim), params, given, strict=True)
    ]
    for settings in (before, after, after):
        for tensors, param, optimizer in zip(given, params, optimizers, strict=True):
            change(tensors, settings)
            param.grad = param.detach() - 0.5
            optimizer.step()
        torch.testing.assert_close(*params, rtol=1e-6, atol=0)


def test_a_rule_of_ones_own_follows_them() -> None:
    scalars = {"lr": 0.5, "momentum": 0.5, "dampening": 0.25, "weight_decay": 0.125}
    tensors = as_tensors(scalars)
    params = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
    optimizers = [
        fs.torch.RuleOptimizer([param], torch_sgd, **given)
        for param, given in zip(params, (tensors, scalars), strict=True)
    ]
    for factor in (1.0, 0.5, 0.25):
        change(tensors, {name: value * factor for name, value in scalars.items()})
        optimizers[1].param_groups[0].update({name: value * factor for name, value in scalars.items()})
        for param, optimizer in zip(params, optimizers, strict=True):
            param.grad = param.detach() - 0.5
            optimizer.step()
        assert torch.equal(*params)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [("SGD", "lr", -1.0), ("SGD", "momentum", float("nan")), ("Adam", "betas", 1.0), ("FTRL", "lr_power", 0.5)],
)
def test_a_tensor_that_leaves_its_range_is_refused_before_anything_moves(
    name: str, setting: str, value: float, compiled: bool
) -> None:
    torch._dynamo.reset()
    before, _ = settings_of(name)
    tensors = as_tensors(before)
    params = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
    optimizer = build(
        name, [{"params": [params[0]], **({} if not compiled else tensors)}, {"params": [params[1]], **tensors}]
    )
    step = torch.compile(optimizer.step, fullgraph=True, backend="aot_eager") if compiled else optimizer.step
    for param in params:
        param.grad = torch.ones(3)
    step()
    held = [param.detach().clone() for param in params]
    states = copy.deepcopy(optimizer.state_dict()["state"])
    wrong = tensors[setting][1] if isinstance(tensors[setting], tuple) else tensors[setting]
    wrong.fill_(value)
    with pytest.raises(ValueError, match=rf"{name}: {setting}.* is {value}, expected a (finite )?number that is"):
        step()
    for param, was in zip(params, held, strict=True):
        assert torch.equal(param, was)
    torch.testing.assert_close(optimizer.state_dict()["state"], states, rtol=0, atol=0)


def test_a_pair_in_one_tensor_is_followed() -> None:
    betas = torch.tensor([0.5, 0.75])
    params = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
    optimizers = [fs.torch.Adam(params[:1], betas=betas), fs.torch.Adam(params[1:], betas=(0.5, 0.75))]
    for pair in ((0.5, 0.75), (0.25, 0.5), (0.75, 0.875)):
        betas.copy_(torch.tensor(pair))
        optimizers[1].param_groups[0]["betas"] = pair
        for param, optimizer in zip(params, optimizers, strict=True):
            param.grad = param.detach() - 0.5
            optimizer.step()
        assert torch.equal(*params)


def test_settings_that_autograd_watches_are_read_without_it() -> None:
    rate, beta = torch.tensor(0.5, requires_grad=True), torch.tensor(0.5, requires_grad=True)
    param = torch.nn.Parameter(torch.ones(3))
    optimizer = fs.torch.Adam([param], lr=rate, betas=(beta, 0.75))
    param.grad = torch.ones(3)
    optimizer.step()
    assert param.tolist() == [0.5] * 3


TAKEN = {name: FLAGS & inspect.signature(getattr(fs.torch, name)).parameters.keys() for name in ALL}
FLAGGED = [(name, flag) for name in ALL for flag in sorted(TAKEN[name])]


@pytest.mark.parametrize(("name", "flag"), FLAGGED)
@pytest.mark.parametrize("value", [None, 0, 1, False, True, np.bool_(1), np.int64(0)])
def test_flags_are_as_loose_as_torchs(name: str, flag: str, value: Any) -> None:
    settings: dict[str, Any] = {"momentum": 0.5} if flag == "nesterov" else {}
    steps = []
    for given in (value, bool(value)):
        param = torch.ones(3)
        optimizer = build(name, [param], **settings, **{flag: given})
        for _ in range(2):
            param.grad = torch.tensor([0.5, -1.0, 2.0])
            optimizer.step()
        steps.append(param)
        optimizer.load_state_dict(optimizer.state_dict())
    assert torch.equal(*steps)


@pytest.mark.parametrize("name", ALL)
def test_an_infinite_step_size_and_one_that_is_no_number(name: str) -> None:
    param = torch.nn.Parameter(torch.ones(3))
    build(name, [param], lr=float("inf"))
    for lr in (float("nan"), -float("inf"), -1e-300):
        with pytest.raises(ValueError, match=f"^{name}: lr is .*, expected a number that is"):
            build(name, [param], lr=lr)


@pytest.mark.parametrize("name", ["Adam", "SGD", "RMSprop", "Adagrad"])
def test_an_infinite_step_size_steps_as_torchs(name: str) -> None:
    params = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
    for param, module in zip(params, (fs.torch, torch.optim), strict=True):
        param.grad = torch.tensor([0.5, -0.5, 1.0])
        getattr(module, name)([param], lr=float("inf")).step()
    torch.testing.assert_close(*params, equal_nan=True)


@pytest.mark.parametrize("setting", ["lr", "eps"])
@pytest.mark.parametrize("value", [0, 0.0, -1.0, torch.tensor(0.0)])
def test_sparse_adam_refuses_what_torchs_refuses(setting: str, value: Any) -> None:
    for module in (fs.torch, torch.optim):
        with pytest.raises(ValueError):
            module.SparseAdam([torch.ones(2)], **{setting: value})
    # Schedules and distributed checkpoints set it later.
    optimizer = fs.torch.SparseAdam([torch.ones(2)])
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()


def test_sparse_adam_refuses_sparse_and_complex_parameters() -> None:
    for param in (torch.eye(2).to_sparse(), torch.ones(2, dtype=torch.complex64)):
        for module in (fs.torch, torch.optim):
            with pytest.raises(ValueError):
                module.SparseAdam([param])
