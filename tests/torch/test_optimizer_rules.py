"""Optimizers that torch lacks take the steps of their rules, with their settings in the right places."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import fusedstep as fs
from fusedstep.torch.optimizer import FusedOptimizer
from fusedstep.torch.settings import from_locals


class Case(NamedTuple):
    """The settings of an optimizer, and what its rule takes for them: scalars, switches and the starts of states."""

    settings: dict[str, Any]
    rule: Any
    scalars: dict[str, float]
    switches: dict[str, bool]
    starts: tuple[float, ...]


# Every setting has another value, so that none can take the place of another.
CASES = {
    "AddSign": Case(
        {"lr": 0.1, "alpha": 1.5, "sign_decay": 0.75, "beta": 0.6},
        fs.rules.add_sign,
        {"lr": 0.1, "alpha": 1.5, "sign_decay": 0.75, "beta": 0.6},
        {},
        (0.0,),
    ),
    "PowerSign": Case(
        {"lr": 0.1, "logbase": 1.5, "sign_decay": 0.75, "beta": 0.6},
        fs.rules.power_sign,
        {"lr": 0.1, "logbase": 1.5, "sign_decay": 0.75, "beta": 0.6},
        {},
        (0.0,),
    ),
    "Lion": Case(
        {"lr": 0.1, "betas": (0.8, 0.6), "weight_decay": 0.05},
        fs.rules.lion,
        {"lr": 0.1, "beta1": 0.8, "beta2": 0.6, "weight_decay": 0.05},
        {},
        (0.0,),
    ),
    "FTRL": Case(
        {"lr": 0.1, "lr_power": -0.4, "l1": 0.2, "l2": 0.3, "beta": 0.7, "initial_accumulator_value": 0.6},
        fs.rules.ftrl_proximal,
        {"lr": 0.1, "lr_power": -0.4, "l1": 0.2, "l2": 0.3, "beta": 0.7},
        {"keep_weights": True},
        (0.6, 0.0),
    ),
    "ProximalAdagrad": Case(
        {"lr": 0.1, "l1": 0.2, "l2": 0.3, "initial_accumulator_value": 0.6},
        fs.rules.proximal_adagrad,
        {"lr": 0.1, "l1": 0.2, "l2": 0.3},
        {},
        (0.6,),
    ),
    "ProximalSGD": Case(
        {"lr": 0.1, "l1": 0.2, "l2": 0.3},
        fs.rules.proximal_gradient_descent,
        {"lr": 0.1, "l1": 0.2, "l2": 0.3},
        {},
        (),
    ),
    "RowwiseAdagrad": Case(
        {"lr": 0.1, "eps": 0.2, "weight_decay": 0.05, "initial_accumulator_value": 0.6},
        fs.rules.rowwise_adagrad,
        {"lr": 0.1, "epsilon": 0.2, "weight_decay": 0.05},
        {},
        (0.6,),
    ),
}
# Of a rule that is given, and what is no optimizer.
OTHERS = ("RuleOptimizer", "Embedding", "EmbeddingBag", "clip_grad_norm_", "fuse_embeddings", "keep_freed_memory")


def test_every_optimizer_that_torch_lacks_is_here() -> None:
    ours = {name for name in fs.torch.__all__ if not hasattr(torch.optim, name)}
    assert ours - {*OTHERS} == CASES.keys()


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_the_rule(name: str, maximize: bool) -> None:
    case, random = CASES[name], np.random.default_rng(3)
    start = random.standard_normal((5, 3)).astype(np.float32)
    shape = (5,) if name == "RowwiseAdagrad" else (5, 3)
    states = [start.copy(), *(np.full(shape, value, np.float32) for value in case.starts)]
    operator = fs.Operator(case.rule, maximize=maximize, **case.switches)
    weight = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = getattr(fs.torch, name)([weight], maximize=maximize, **case.settings)
    for _ in range(3):
        grad = random.standard_normal((5, 3)).astype(np.float32)
        weight.grad = torch.from_numpy(grad)
        optimizer.step()
        operator(*states, grad, **case.scalars)
    np.testing.assert_array_equal(weight.detach().numpy(), states[0])


def three_means(
    var: Any, one: Any, two: Any, three: Any, grad: Any, *, lr: Any, beta1: Any, beta2: Any, beta3: Any
) -> tuple[Any, Any, Any, Any]:
    one = beta1 * one + (1 - beta1) * grad
    two = beta2 * two + (1 - beta2) * grad
    three = beta3 * three + (1 - beta3) * grad
    return var - lr * (one + two + three), one, two, three


class ThreeMeans(FusedOptimizer, torch.optim.Optimizer):
    """An optimizer with three betas."""

    _state_keys = ("one", "two", "three")

    def __init__(
        self,
        params: Any,
        lr: Any = 0.1,
        betas: tuple[float, float, float] = (0.5, 0.75, 0.875),
        *,
        maximize: bool = False,
        rows: str = "touched",
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: dict[str, Any]) -> Any:
        return three_means, {}

    def _scalars(self, group: dict[str, Any], progress: Any) -> dict[str, Any]:
        return {"lr": group["lr"], **{f"beta{place}": beta for place, beta in enumerate(group["betas"], 1)}}


@pytest.mark.parametrize("followed", [False, True])
def test_a_class_takes_as_many_betas_as_its_default_has(followed: bool) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    last = torch.tensor(0.875) if followed else 0.875
    optimizer = ThreeMeans([weight], betas=(0.5, 0.75, last))
    weight.grad = torch.ones(2)
    optimizer.step()
    assert weight.tolist() == pytest.approx([1 - 0.1 * 0.875] * 2)
    for betas in ((0.5, 0.75), (0.5, 0.75, 0.875, 0.9), 0.5):
        with pytest.raises((TypeError, ValueError), match=r"^ThreeMeans: betas .*expected three"):
            ThreeMeans([weight], betas=betas)
    optimizer.param_groups[0]["betas"] = (0.5, 0.75)
    weight.grad = torch.ones(2)
    before = weight.tolist()
    with pytest.raises((TypeError, ValueError), match=r"^ThreeMeans: betas holds 2 numbers, expected three"):
        optimizer.step()
    assert weight.tolist() == before


@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 3)])
@pytest.mark.parametrize("recorded", [False, True])
def test_states_by_row_and_column(shape: tuple[int, ...], recorded: bool) -> None:
    scalars = {"lr": 0.1, "beta1": 0.9, "beta2": 0.75, "epsilon1": 1e-3, "epsilon2": 1e-3, "clip_threshold": 1.0}
    param = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    var, row, column = param.numpy().copy(), np.zeros(shape[:-1], "f"), np.zeros((*shape[:-2], shape[-1]), "f")
    optimizer = fs.torch.RuleOptimizer([param], fs.rules.adafactor, **scalars)
    optimizer.param_groups[0]["differentiable"] = recorded
    step = fs.Operator(fs.rules.adafactor)
    for seed in range(3):
        param.grad = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        step(var, None, row, column, None, param.grad.numpy(), **scalars)
        optimizer.step()
        optimizer.load_state_dict(optimizer.state_dict())
    np.testing.assert_allclose(param.numpy(), var, rtol=1e-5)
    for key, want in (("exp_avg_sq_row", row), ("exp_avg_sq_col", column)):
        np.testing.assert_allclose(optimizer.state[param][key].numpy(), want, rtol=1e-5)
