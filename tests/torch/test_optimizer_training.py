"""The optimizers in a training loop, by torch's conventions."""

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from tests.torch.test_optimizer import ALL, build

torch = pytest.importorskip("torch")

# Warnings of torch's modules at import.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


def trained(name: str, param: Any, steps: int = 3, optimizer: Any = None, **settings: Any) -> Any:
    """An optimizer after some steps on a quadratic."""
    optimizer = optimizer or build(name, [param], **settings)
    for _ in range(steps):
        optimizer.zero_grad()
        (param - 0.5).square().sum().backward()
        optimizer.step()
    return optimizer


def weights(*shape: int, dtype: Any = torch.float32, seed: int = 3) -> Any:
    return torch.nn.Parameter(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype))


def table(sparse: bool = True) -> Any:
    torch.manual_seed(1)
    return torch.nn.Embedding(10, 4, sparse=sparse)


@pytest.mark.parametrize("name", ALL)
def test_closures_hooks_and_schedules(name: str) -> None:
    param, seen = weights(4, 3), []
    optimizer = build(name, [("weight", param)])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=9, cycle_momentum=False)
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (param - 0.5).square().sum()
        loss.backward()
        return loss

    first = float(optimizer.step(closure).detach())
    for _ in range(8):
        schedule.step()
        last = float(optimizer.step(closure).detach())
    assert last < first
    assert seen == ["before", "after"] * 9
    assert optimizer.param_groups[0]["param_names"] == ["weight"]
    assert param.requires_grad
    assert param._version >= 9


@pytest.mark.parametrize("name", ALL)
def test_pickles_and_deep_copies_go_on_alike(name: str) -> None:
    param = weights(4, 3)
    optimizer = trained(name, param)
    copied, other = copy.deepcopy((param, optimizer)), pickle.loads(pickle.dumps((param, optimizer)))  # noqa: S301
    trained(name, param, optimizer=optimizer)
    for each, theirs in (copied, other):
        assert theirs.param_groups[0]["params"][0] is each
        trained(name, each, optimizer=theirs)
        assert torch.equal(each, param)


@pytest.mark.parametrize("name", ALL)
def test_a_tensor_learning_rate(name: str) -> None:
    by_number, by_tensor = weights(4, 3), weights(4, 3)
    rate = torch.tensor(0.25)
    optimizer = trained(name, by_tensor, lr=rate)
    other = trained(name, by_number, lr=0.25)
    assert torch.equal(by_number, by_tensor)
    rate.fill_(0.125)
    other.param_groups[0]["lr"] = 0.125
    trained(name, by_tensor, optimizer=optimizer)
    trained(name, by_number, optimizer=other)
    assert torch.equal(by_number, by_tensor)
    assert optimizer.param_groups[0]["lr"] is rate


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("change", ["transposed", "channels_last", "columns", "grad"])
def test_strides(name: str, change: str) -> None:
    plain = weights(4, 3, 2, 5)
    value = plain.detach().clone()
    if change == "transposed":
        value = value.permute(3, 1, 0, 2).contiguous().permute(2, 1, 3, 0)
    elif change == "channels_last":
        value = value.to(memory_format=torch.channels_last)
    elif change == "columns":
        value = torch.cat([value, value], 1)[:, :3]
    other = torch.nn.Parameter(value)
    strides = other.stride()
    optimizers = build(name, [plain]), build(name, [other])
    for _ in range(3):
        plain.grad = (plain - 0.5).detach()
        other.grad = plain.grad.to(memory_format=torch.channels_last) if change == "grad" else plain.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
        torch.testing.assert_close(plain, other, rtol=1e-6 if name == "RowwiseAdagrad" else 0, atol=0)
    assert other.stride() == strides
    if change == "channels_last":
        for key in set(optimizers[1]._state_keys) & optimizers[1].state[other].keys():
            state = optimizers[1].state[other][key]
            assert state.dim() < 4 or state.stride() == strides, key


def test_overlapping_parameters_are_refused() -> None:
    param = torch.nn.Parameter(torch.ones(1, 3).expand(4, 3))
    param.grad = torch.ones(4, 3)
    with pytest.raises(ValueError, match=r"Adam: a parameter of shape \(4, 3\) has elements that share memory"):
        fs.torch.Adam([param])
    sliding = torch.arange(6.0).unfold(0, 3, 1)
    with pytest.raises(ValueError, match=r"Adam: a parameter of shape .* share memory"):
        fs.torch.Adam([sliding])


def test_a_checkpoint_in_other_strides() -> None:
    plain, other = weights(4, 3, 2, 5), weights(4, 3, 2, 5)
    first = trained("Adam", plain)
    other.data = plain.detach().to(memory_format=torch.channels_last)
    second = build("Adam", [other])
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    trained("Adam", plain, optimizer=first)
    trained("Adam", other, optimizer=second)
    assert torch.equal(plain, other)


@pytest.mark.parametrize("name", ALL)
def test_states_keep_their_types_over_a_checkpoint(name: str) -> None:
    param = weights(4, 3, dtype=torch.bfloat16)
    optimizer = trained(name, param)
    for key, state in optimizer.state[param].items():
        if torch.is_tensor(state) and state.dim():
            optimizer.state[param][key] = state.float() + 2.0**-20
    other = weights(4, 3, dtype=torch.bfloat16)
    second = build(name, [other])
    second.load_state_dict(optimizer.state_dict())
    for key, state in optimizer.state[param].items():
        loaded = second.state[other][key]
        assert torch.equal(torch.as_tensor(loaded), torch.as_tensor(state))
        assert torch.as_tensor(loaded).dtype == torch.as_tensor(state).dtype
    trained(name, other, optimizer=second)


def test_hooks_of_checkpoints_come_as_torchs_do() -> None:
    param = weights(4, 3, dtype=torch.bfloat16)
    optimizer = trained("Adam", param)
    state = optimizer.state_dict()
    state["state"][0]["exp_avg"] = state["state"][0]["exp_avg"].float()

    def double(_: Any, loaded: dict[str, Any]) -> dict[str, Any]:
        doubled = copy.deepcopy(loaded)
        doubled["state"][0]["exp_avg"].mul_(2)
        return doubled

    seen = []
    optimizer.register_load_state_dict_pre_hook(double)
    optimizer.register_load_state_dict_post_hook(lambda each: seen.append(each.state[param]["exp_avg"].dtype))
    expected = state["state"][0]["exp_avg"] * 2
    optimizer.load_state_dict(state)
    assert torch.equal(optimizer.state[param]["exp_avg"], expected)
    assert seen == [torch.float32]
    optimizer.load_state_dict(optimizer.state_dict())
    assert len(seen) == 2


def test_groups_have_settings_of_their_own_and_can_be_added() -> None:
    first, second, third = weights(2, 2), weights(2, 2), weights(2, 2)
    optimizer = fs.torch.AdamW([{"params": [first], "lr": 0.5}, {"params": [second], "betas": (0.5, 0.5)}], lr=0.25)
    optimizer.add_param_group({"params": third, "amsgrad": True})
    for param in (first, second, third):
        param.grad = torch.ones_like(param)
    optimizer.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.25, 0.25]
    assert "max_exp_avg_sq" in optimizer.state[third]
    assert not torch.equal(first, second)
    with pytest.raises(ValueError, match="AdamW: lr is -1"):
        optimizer.add_param_group({"params": weights(1), "lr": -1.0})
    assert len(optimizer.param_groups) == 3


@pytest.mark.parametrize("name", ALL)
def test_the_initialising_step_of_distributed_checkpoints_changes_no_weight(name: str) -> None:
    param = weights(5, 3)
    before = param.detach().clone()
    optimizer = build(name, [param])
    rates = [group["lr"] for group in optimizer.param_groups]
    param.grad = torch.zeros_like(param)
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(0.0) if torch.is_tensor(group["lr"]) else 0.0
    optimizer.step()
    assert torch.equal(param, before)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    assert (
        set(optimizer._state_keys) - {"momentum_buffer", "grad_avg", "max_exp_avg_sq", "master"}
        <= optimizer.state[param].keys()
    )


@pytest.mark.parametrize("name", ALL)
def test_distributed_checkpoints_take_every_optimizer(name: str) -> None:
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict

    def model() -> Any:
        torch.manual_seed(2)
        return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))

    first, second = model(), model()
    optimizer, other = build(name, first.parameters()), build(name, second.parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own calls
        for _ in range(2):
            optimizer.zero_grad()
            first(torch.ones(5, 4)).square().sum().backward()
            optimizer.step()
        second.load_state_dict(first.state_dict())
        set_optimizer_state_dict(second, other, copy.deepcopy(get_optimizer_state_dict(first, optimizer)))
    for each, its in ((first, optimizer), (second, other)):
        its.zero_grad()
        each(torch.ones(5, 4)).square().sum().backward()
        its.step()
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)


def test_gradients_are_accumulated() -> None:
    once, twice = table(), table()
    rows = torch.tensor([[1, 2, 2], [2, 3, 1]])
    optimizers = fs.torch.Adam(once.parameters()), fs.torch.Adam(twice.parameters())
    once(rows).square().sum().backward()
    for part in rows:
        twice(part).square().sum().backward()
    assert not twice.weight.grad.is_coalesced()
    for optimizer in optimizers:
        optimizer.step()
    assert torch.equal(once.weight, twice.weight)


@pytest.mark.parametrize("sparse", [False, True])
def test_grad_scaler(sparse: bool) -> None:
    scaled, plain = table(sparse), table(sparse)
    optimizers = fs.torch.Adam(scaled.parameters()), fs.torch.Adam(plain.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    rows = torch.tensor([1, 2, 2])
    for factor in (1.0, float("inf"), 2.0):
        for optimizer in optimizers:
            optimizer.zero_grad()
        scaler.scale((scaled(rows) * factor).sum()).backward()
        scaler.step(optimizers[0])
        scaler.update()
        if factor < 3:
            (plain(rows) * factor).sum().backward()
            optimizers[1].step()
    assert torch.equal(scaled.weight, plain.weight)


def test_an_optimizer_in_the_backward_pass() -> None:
    from torch.distributed.optim import _apply_optimizer_in_backward

    one, two, three = (torch.nn.Sequential(table(), torch.nn.Linear(4, 1)) for _ in range(3))
    two.load_state_dict(one.state_dict())
    three.load_state_dict(one.state_dict())
    _apply_optimizer_in_backward(fs.torch.Adam, two.parameters(), {"lr": 0.125})
    hooked = {param: fs.torch.Adam([param], lr=0.125) for param in three.parameters()}

    def hook(param: Any) -> None:
        hooked[param].step()
        param.grad = None

    for param in three.parameters():
        param.register_post_accumulate_grad_hook(hook)
    optimizer = fs.torch.Adam(one.parameters(), lr=0.125)
    for _ in range(3):
        for model in (one, two, three):
            model(torch.tensor([1, 2, 2])).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    for param, second, third in zip(one.parameters(), two.parameters(), three.parameters(), strict=True):
        assert torch.equal(param, second)
        assert torch.equal(param, third)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_empty_gradients(name: str, rows: str) -> None:
    param, empty = weights(4, 3), weights(0, 3)
    before = param.detach().clone()
    param.grad = torch.sparse_coo_tensor(torch.zeros(1, 0).long(), torch.zeros(0, 3), (4, 3), check_invariants=True)
    empty.grad = torch.zeros(0, 3)
    optimizer = build(name, [param, empty], rows=rows)
    optimizer.step()
    if rows == "touched":
        assert torch.equal(param, before)
    assert optimizer.state[param].get("step", 1) == 1


def momentum_of_my_own(
    var: Any,
    mean: Any,
    largest: Any,
    grad: Any,
    *,
    lr: Any,
    beta: Any,
    beta_power: Any,
    step: Any,
    bounded: bool = False,
) -> tuple[Any, Any, Any]:
    mean = beta * mean + (1 - beta) * grad
    largest = np.maximum(largest, step) if bounded else largest
    return var - lr / (1 - beta_power) * mean, mean, largest


def test_a_rule_of_ones_own() -> None:
    param, other = weights(4, 3), weights(4, 3)
    settings: dict[str, Any] = {"lr": 0.125, "beta": 0.5, "initial": {"largest": 2.0}}
    optimizer = fs.torch.RuleOptimizer([param], momentum_of_my_own, bounded=True, **settings)
    torch.optim.lr_scheduler.LinearLR(optimizer)
    trained("", param, optimizer=optimizer)
    assert optimizer.state[param].keys() == {"step", "mean", "largest"}
    assert (optimizer.state[param]["largest"] == 3).all()
    optimizer = pickle.loads(pickle.dumps(optimizer))  # noqa: S301 - our own
    assert optimizer._rule(optimizer.param_groups[0])[1] == {"bounded": True}
    trained("", optimizer.param_groups[0]["params"][0], optimizer=optimizer)
    optimizer = fs.torch.RuleOptimizer([other], momentum_of_my_own, **settings)
    trained("", other, optimizer=optimizer)
    assert optimizer.state[other].keys() == {"step", "mean"}
    with pytest.raises(TypeError, match="missing: beta, beta_power; unknown: gamma, nothing"):
        fs.torch.RuleOptimizer([param], momentum_of_my_own, lr=0.1, gamma=1, initial={"nothing": 1})


@pytest.mark.parametrize(
    ("error", "settings", "sentence"),
    [
        (ValueError, {"lr": -1.0}, "Adam: lr is -1.0, expected a number that is 0 or more"),
        (ValueError, {"lr": torch.ones(2)}, "Adam: lr has shape"),
        (ValueError, {"betas": (0.9, 1.0)}, r"Adam: betas\[1\] is 1.0, expected a finite number that is in \[0, 1\)"),
        (ValueError, {"betas": (0.9,)}, "Adam: betas holds 1 numbers, expected two"),
        (ValueError, {"eps": float("nan")}, "Adam: eps is nan"),
        (ValueError, {"rows": "all"}, "Adam: rows is 'all'"),
        (TypeError, {"maximize": 2}, "Adam: maximize is 2"),
        (TypeError, {"amsgrad": "no"}, "Adam: amsgrad is 'no' of type str, expected True or False"),
        (TypeError, {"differentiable": 0.5}, "Adam: differentiable is 0.5"),
    ],
)
def test_settings_that_are_refused(error: type[Exception], settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        fs.torch.Adam([weights(2)], **settings)


def test_parameters_and_gradients_that_are_refused() -> None:
    with pytest.raises(TypeError, match=r"SGD: a parameter is lazily conjugated"):
        fs.torch.SGD([torch.zeros(2, dtype=torch.complex64).conj()])
    with pytest.raises(TypeError, match=r"SGD: a parameter holds torch.int64"):
        fs.torch.SGD([torch.zeros(2, dtype=torch.int64)])
    with pytest.raises(ValueError, match="SGD: nesterov is True with momentum 0"):
        fs.torch.SGD([weights(2)], nesterov=True)
    param = weights(4, 3)
    optimizer = fs.torch.Adam([param])
    param.grad = torch.sparse_coo_tensor([[1, 2], [0, -1]], torch.ones(2), (4, 3), check_invariants=False)
    with pytest.raises(IndexError, match=r"Adam: .* index -1 in dimension 1 at place 1, expected 0 to 2"):
        optimizer.step()
    before = param.detach().clone()
    param.grad = torch.sparse_coo_tensor([[1, 9]], torch.ones(2, 3), (4, 3), check_invariants=False)
    with pytest.raises(IndexError, match=r"Adam: indices\[1\] is 9, expected 0 to 3: a parameter has 4 rows"):
        optimizer.step()
    assert torch.equal(param, before)
    assert not optimizer.state


def test_flags_of_torchs_that_change_nothing() -> None:
    expected = weights(4, 3)
    trained("Adam", expected)
    for flag in ("foreach", "fused"):
        param = weights(4, 3)
        trained("Adam", param, **{flag: True})
        assert torch.equal(param, expected)


def test_importing_is_on_use() -> None:
    import subprocess
    import sys

    script = "import sys, fusedstep as fs; fs.ops; assert 'torch' not in sys.modules; fs.torch.Adam"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
