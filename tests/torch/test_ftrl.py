"""FTRL and its relatives in training: schedules, settings and weights that change between steps."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fusedstep as fs
from tests.torch.test_optimizer_training import weights as drawn

torch = pytest.importorskip("torch")

PENALTIES = {"lr": 0.01, "l1": 0.1, "l2": 0.3}
STEPS = 40
Make = Callable[..., Any]


def by_rule(rule: Any, **scalars: Any) -> Make:
    return lambda params, **more: fs.torch.RuleOptimizer(params, rule, **PENALTIES | scalars | more)


OPTIMIZERS: dict[str, Make] = {
    "FTRL": lambda params, **more: fs.torch.FTRL(params, **PENALTIES | {"beta": 0.5} | more),
    "ftrl": by_rule(fs.rules.ftrl, initial={"accum": 0.1}),
    "ftrl_times_lr": by_rule(fs.rules.ftrl, multiply_linear_by_lr=True, initial={"accum": 0.1}),
    "ftrl_proximal": by_rule(fs.rules.ftrl_proximal, beta=0.5),
    "group_lasso_ftrl": by_rule(fs.rules.group_lasso_ftrl, l21=0.2, beta=0.5),
}
schedulers = torch.optim.lr_scheduler
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda optimizer: schedulers.LinearLR(optimizer, 0.01, 1.0, STEPS),
    "cosine": lambda optimizer: schedulers.CosineAnnealingLR(optimizer, STEPS),
    "one cycle": lambda optimizer: schedulers.OneCycleLR(optimizer, 1.0, STEPS, cycle_momentum=False),
}
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def cases() -> Iterator[Any]:
    """Every optimizer in float64, FTRL in every type."""
    for name in OPTIMIZERS:
        for dtype in DTYPES if name == "FTRL" else DTYPES[:1]:
            yield pytest.param(name, dtype, id=f"{name}-{dtype}")


def weights(dtype: Any, requires_grad: bool = True) -> Any:
    values = torch.linspace(-1.0, 1.5, 24).reshape(8, 3)
    values[3], values[4, 1] = 0.0, 0.0
    return torch.nn.Parameter(values.to(dtype), requires_grad)


def step(optimizer: Any, grad: float = 0.0) -> None:
    for group in optimizer.param_groups:
        for param in group["params"]:
            param.grad = torch.full_like(param, grad)
    optimizer.step()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("name", "dtype"), list(cases()))
def test_a_schedule_moves_no_weight(name: str, dtype: Any, schedule: str) -> None:
    param = weights(dtype)
    before = param.detach().clone()
    optimizer = OPTIMIZERS[name]([param])
    scheduler = SCHEDULES[schedule](optimizer)
    for _ in range(STEPS):
        step(optimizer)
        scheduler.step()
        assert torch.equal(param, before)


@pytest.mark.parametrize(("name", "dtype"), list(cases()))
def test_settings_and_weights_that_are_set(name: str, dtype: Any) -> None:
    param = weights(dtype)
    optimizer = OPTIMIZERS[name]([param], lr=0.5)
    for grad in (0.3, -0.2, 0.01):
        step(optimizer, grad)
    before = param.detach().clone()
    for change in ({"lr": 0.7, "l1": 0.4}, {"l2": 0.0}, {"beta": 2.0}, {"lr_power": -0.4}, {"l1": 0.0}, {"lr": 0.0}):
        optimizer.param_groups[0] |= {key: value for key, value in change.items() if key in optimizer.param_groups[0]}
        step(optimizer)
        assert torch.equal(param, before), change
    optimizer.param_groups[0]["lr"] = 0.5
    for value, where in ((5.0, ...), (-0.75, (2, 1)), (0.0, 5), (0.0, ...), (1e-3, (0, 0))):
        param.data[where] = value
        before = param.detach().clone()
        for _ in range(2):
            step(optimizer)
        assert torch.equal(param, before), value


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_gradient_acts_as_on_a_fresh_optimizer(dtype: Any) -> None:
    param = weights(dtype)
    optimizer = OPTIMIZERS["FTRL"]([param], lr=3.0)
    for rate, grad in ((3.0, 0.3), (0.1, -0.5), (0.4, 0.2)):
        optimizer.param_groups[0]["lr"] = rate
        step(optimizer, grad)
    param.data.mul_(1.5).add_(0.25)
    fresh = torch.nn.Parameter(param.detach().clone())
    other = OPTIMIZERS["FTRL"]([fresh], lr=0.05)
    step(other)
    other.state[fresh]["accum"].copy_(optimizer.state[param]["accum"])
    optimizer.param_groups[0]["lr"] = 0.05
    for grad in (0.5, -0.25):
        step(optimizer, grad)
        step(other, grad)
        assert torch.equal(param, fresh)


def test_small_steps_beside_weights_of_16_bits() -> None:
    params = [
        torch.nn.Parameter(weights(torch.bfloat16).detach().to(dtype)) for dtype in (torch.bfloat16, torch.float64)
    ]
    optimizers = [OPTIMIZERS["FTRL"]([param], lr=1.0) for param in params]
    schedules = [SCHEDULES["cosine"](optimizer) for optimizer in optimizers]
    for _ in range(STEPS):
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            step(optimizer, 2.0**-10)
            schedule.step()
    # No gradient is lost: the weights are those of float64, rounded.
    master = optimizers[0].state[params[0]]["master"]
    torch.testing.assert_close(master.double(), params[1].detach(), rtol=1e-5, atol=1e-6)
    assert torch.equal(master.bfloat16(), params[0])
    # A weight that is set to the next number does not count as a rounded one.
    params[0].data.view(torch.int16).add_(1)
    before = params[0].detach().clone()
    step(optimizers[0])
    assert torch.equal(params[0], before)
    assert optimizers[1].state[params[1]].keys() == {"step", "accum", "linear"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_rows_that_are_touched_at_other_rates(rows: str, dtype: Any) -> None:
    param = weights(dtype)
    before = param.detach().clone()
    optimizer = OPTIMIZERS["FTRL"]([param], rows=rows)
    for number, rate in enumerate((0.01, 1.0, 0.1, 0.0, 0.5, 1e-4)):
        optimizer.param_groups[0]["lr"] = rate
        indices, values = [[number, 7, number]], torch.zeros(3, 3, dtype=dtype)
        param.grad = torch.sparse_coo_tensor(indices, values, param.shape, check_invariants=True)
        optimizer.step()
    assert torch.equal(param, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_rows_that_are_deferred(dtype: Any) -> None:
    tables = [torch.nn.Embedding(8, 3, sparse=True, dtype=dtype) for _ in range(2)]
    tables[1].load_state_dict(tables[0].state_dict())
    optimizers = [
        OPTIMIZERS["FTRL"](tables[0].parameters(), defer=[tables[0]]),
        OPTIMIZERS["FTRL"](tables[1].parameters(), rows="every"),
    ]
    for number in range(STEPS):
        for table, optimizer in zip(tables, optimizers, strict=True):
            optimizer.param_groups[0]["lr"] = 0.5 * (1 - number / STEPS)
            optimizer.zero_grad()
            (table(torch.tensor([number % 3, 1])) - 1).square().sum().backward()
            optimizer.step()
            if number == STEPS // 2:
                # While rows owe steps.
                table.weight.data[6] = 5.0
    with optimizers[0].up_to_date():
        torch.testing.assert_close(tables[0].weight, tables[1].weight, rtol=1e-12, atol=0)
    assert (tables[0].weight[6] == 5).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_a_compiled_step() -> None:
    torch._dynamo.reset()
    params = [weights(dtype) for dtype in (torch.float32, torch.bfloat16)]
    before = [param.detach().clone() for param in params]
    rate = torch.tensor(0.01)
    optimizer = OPTIMIZERS["FTRL"](params, lr=rate)
    compiled = torch.compile(lambda: optimizer.step(), backend="aot_eager", fullgraph=True)
    for param in params:
        param.grad = torch.zeros_like(param)
    for _ in range(5):
        compiled()
        rate.mul_(3)
    assert all(map(torch.equal, params, before))
    params[1].data.fill_(5)
    compiled()
    assert (params[1] == 5).all()
    for param in params:
        param.grad.fill_(1e-3)
    compiled()
    assert (optimizer.state[params[1]]["master"] < 5).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_checkpoint_of_an_earlier_version_and_other_settings(dtype: Any) -> None:
    param = weights(dtype)
    optimizer = OPTIMIZERS["FTRL"]([param], lr=0.7)
    step(optimizer, 0.01)
    saved = optimizer.state_dict()
    for state in saved["state"].values():
        state.pop("master", None)
        # As in the formula, under earlier settings.
        state["linear"] = -3 * param.detach().float()
    saved["param_groups"][0] |= {"lr": 0.02, "beta": 0.0, "l2": 1.0}
    other = OPTIMIZERS["FTRL"]([param])
    other.load_state_dict(saved)
    before = param.detach().clone()
    step(other)
    assert torch.equal(param, before)
    assert other.state[param]["step"] == 2


def test_a_default_of_the_rule_is_no_power_of_the_step() -> None:
    params = [weights(torch.float64) for _ in range(2)]
    for param, more in zip(params, ({}, {"lr_power": -0.5}), strict=True):
        optimizer = OPTIMIZERS["ftrl"]([param], **more)
        step(optimizer, 0.5)
        step(optimizer, -0.25)
    assert torch.equal(*params)
    assert not torch.equal(params[0], weights(torch.float64))


@pytest.mark.parametrize("settings", [{}, {"l1": 0.5, "l2": 0.25, "beta": 1.0}, {"lr_power": -0.3, "l2": 0.5}])
@pytest.mark.parametrize("sparse", [False, True])
def test_ftrl_starts_from_trained_weights(settings: dict[str, Any], sparse: bool) -> None:
    param = drawn(6, 3, dtype=torch.float64)
    param.data[2, 1] = 0.0
    before = param.detach().clone()
    optimizer = fs.torch.FTRL([param], 0.5, **settings)
    param.grad = torch.zeros_like(param)
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    assert torch.equal(param, before)
    optimizer.param_groups[0]["lr"] = 0.5
    if sparse:
        param.grad = torch.sparse_coo_tensor([[1, 1]], torch.zeros(2, 3).double(), (6, 3), check_invariants=True)
    optimizer.step()
    torch.testing.assert_close(param.detach(), before, rtol=1e-13, atol=0)
    # From here FTRL's step is lr / (beta + root) times a gradient that is small compared with the root.
    param.grad = torch.full_like(before, 1e-6)
    optimizer.step()
    rate = 0.5 / (settings.get("beta", 0.0) + 0.1 ** -settings.get("lr_power", -0.5) + 0.5 * settings.get("l2", 0.0))
    moved = torch.full_like(before, -1e-6 * rate)
    if "l1" in settings:
        moved[2, 1] = 0.0
    torch.testing.assert_close(param.detach() - before, moved, rtol=1e-3, atol=1e-12)


def test_ftrl_keeps_trained_weights_of_16_bits() -> None:
    param = drawn(6, 3, dtype=torch.bfloat16)
    before = param.detach().clone()
    optimizer = fs.torch.FTRL([param], 0.1, l1=0.5, l2=0.1, beta=1.0)
    param.grad = torch.zeros_like(param)
    for _ in range(3):
        optimizer.step()
    assert torch.equal(param, before)
    assert optimizer.state[param]["linear"].dtype == torch.float32
