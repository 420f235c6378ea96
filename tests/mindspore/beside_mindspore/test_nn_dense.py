"""Dense gradients: each optimizer beside MindSpore's own, over 100 steps, with settings of every kind."""

from typing import Any

import mindspore
import numpy as np
import pytest

import fusedstep.mindspore.nn
from tests.mindspore.beside_mindspore.side_by_side import STEPS, assert_same_steps

SCALED = {"weight_decay": 0.01, "loss_scale": 8.0}

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "Adam": [
        {},
        {"learning_rate": 0.01, "beta1": 0.8, "beta2": 0.99, "eps": 1e-6, **SCALED},
        {"learning_rate": 0.05, "use_nesterov": True},
        {"learning_rate": 0.05, "use_amsgrad": True, **SCALED},
        {"use_lazy": True, "use_locking": True},
        {"use_offload": True, "learning_rate": 0.01},
    ],
    "AdamWeightDecay": [{}, {"learning_rate": 0.01, "beta1": 0.8, "beta2": 0.99, "eps": 1e-5, "weight_decay": 0.1}],
    "AdamOffload": [{}, {"learning_rate": 0.01, **SCALED}, {"use_nesterov": True, "use_locking": True}],
    "LazyAdam": [{}, {"learning_rate": 0.01, **SCALED}, {"use_nesterov": True, "use_locking": True}],
    "FTRL": [
        {},
        {"learning_rate": 0.1, "l2": 0.01, "use_locking": True, **SCALED},
        {"learning_rate": 0.05, "initial_accum": 0.5, "lr_power": -0.3},
    ],
    "ProximalAdagrad": [{}, {"learning_rate": 0.02, "accum": 0.5, "l1": 0.01, "l2": 0.02, **SCALED}],
    "Adagrad": [{}, {"learning_rate": 0.1, "accum": 0.5, **SCALED}],
    "Adadelta": [{}, {"learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-5, **SCALED}],
    "AdaMax": [{}, {"learning_rate": 0.01, "beta1": 0.8, "beta2": 0.99, "eps": 1e-6, **SCALED}],
    "Momentum": [{"learning_rate": 0.1, "momentum": 0.9}, {"learning_rate": 0.1, "momentum": 0.5, **SCALED}],
    "SGD": [
        {},
        {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
        {"learning_rate": 0.1, "momentum": 0.9, "dampening": 0.2, **SCALED},
        {"learning_rate": 0.1, "weight_decay": 0.01, "dampening": 0.5},
    ],
    "RMSProp": [
        {"learning_rate": 0.01, "centered": True, "decay": 0.8, "momentum": 0.5, "epsilon": 1e-3, **SCALED},
        {"learning_rate": 0.01, "momentum": 0.5},
    ],
    "AdaFactor": [
        {},
        {"learning_rate": 0.01, "relative_step": False, "scale_parameter": False, "weight_decay": 0.05},
        {"warmup_init": True, "beta1": 0.0},
        {"learning_rate": 0.01, "relative_step": False, "eps": (1e-8, 1e-2), "clip_threshold": 0.5, "decay_rate": 0.5},
    ],
}
# What a class must be given.
NEEDED: dict[str, dict[str, Any]] = {
    "Momentum": {"momentum": 0.9},
    "RMSProp": {"centered": True},
    "AdaFactor": {"relative_step": False},
}
NAMES = list(SETTINGS)
WITHOUT_SCHEDULES = {"FTRL"}
# FTRL refuses them; MindSpore's AdaFactor fails with them.
WITHOUT_GROUP_RATES = {"FTRL", "AdaFactor"}
WITH_NUMBERS_AS_DECAY = {"LazyAdam", "SGD", "FTRL", "AdaFactor"}


@pytest.mark.parametrize(("name", "index"), [(name, index) for name in NAMES for index in range(len(SETTINGS[name]))])
def test_settings(name: str, index: int) -> None:
    settings = SETTINGS[name][index]
    assert_same_steps(lambda nn, params: getattr(nn, name)(params, **settings))


class Falling(mindspore.nn.Cell):
    """A weight decay that falls with each step."""

    def construct(self, global_step: Any) -> Any:
        return 0.1 / (global_step + 2).astype(mindspore.float32)


def rates(count: int = STEPS) -> list[float]:
    return np.linspace(0.05, 0.001, count).tolist()


SCHEDULES = {
    "a list": rates,
    "an array": lambda: np.float32(rates()),
    "a tensor": lambda: mindspore.Tensor(rates(), mindspore.float32),
    "a tensor of one": lambda: mindspore.Tensor(0.05, mindspore.float32),
    "a list of nn": lambda: mindspore.nn.piecewise_constant_lr([30, 60, STEPS], [0.05, 0.02, 0.01]),
    "exponential": lambda: mindspore.nn.ExponentialDecayLR(0.05, 0.9, 10, is_stair=True),
    "polynomial": lambda: mindspore.nn.PolynomialDecayLR(0.05, 0.001, 80, 2.0),
    "cosine": lambda: mindspore.nn.CosineDecayLR(0.001, 0.05, 60),
    "warm-up": lambda: mindspore.nn.WarmUpLR(0.05, 40),
}


@pytest.mark.parametrize("schedule", list(SCHEDULES))
@pytest.mark.parametrize("name", ["Adam", "Momentum"])
def test_learning_rates_of_every_kind(name: str, schedule: str) -> None:
    needed = NEEDED.get(name, {})
    assert_same_steps(lambda nn, params: getattr(nn, name)(params, learning_rate=SCHEDULES[schedule](), **needed))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_SCHEDULES])
def test_schedules(name: str) -> None:
    schedule = SCHEDULES["exponential"]
    needed = NEEDED.get(name, {})
    assert_same_steps(lambda nn, params: getattr(nn, name)(params, learning_rate=schedule(), **needed))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITH_NUMBERS_AS_DECAY])
def test_dynamic_weight_decay(name: str) -> None:
    needed = NEEDED.get(name, {}) | {"learning_rate": 0.01}
    assert_same_steps(lambda nn, params: getattr(nn, name)(params, weight_decay=Falling(), **needed))


def groups(params: list[Any], of: dict[str, dict[str, Any]], *, ordered: bool = False) -> list[dict[str, Any]]:
    """Parameter groups by the names of the parameters in them; one more group has the rest."""
    named = {each.name: each for each in params}
    found = [{"params": [named.pop(name) for name in names.split()], **more} for names, more in of.items()]
    found.append({"params": list(named.values())})
    return [*found, {"order_params": params}] if ordered else found


GROUPS: dict[str, Any] = {
    "learning rates": lambda: {"norm.gamma table": {"lr": 0.05}, "dense.weight": {"lr": 0.002}},
    "weight decays": lambda: {"norm.gamma": {"weight_decay": 0.1}, "table": {"weight_decay": 0.0}},
    "schedules beside numbers": lambda: {
        "table": {"lr": mindspore.nn.ExponentialDecayLR(0.05, 0.9, 10)},
        "dense.weight": {"lr": 0.002},
    },
    "lists": lambda: {"table": {"lr": rates()}, "dense.weight": {"lr": rates()[::-1]}},
    "decay cells beside numbers": lambda: {"table": {"weight_decay": Falling()}, "dense.bias": {"weight_decay": 0.1}},
}


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("kind", list(GROUPS))
@pytest.mark.parametrize("name", ["Adam", "Momentum"])
def test_groups_of_every_kind(name: str, kind: str, ordered: bool) -> None:
    more = NEEDED.get(name, {}) | {"learning_rate": 0.01} | SCALED

    def make(nn: Any, params: list[Any]) -> Any:
        return getattr(nn, name)(groups(params, GROUPS[kind](), ordered=ordered), **more)

    assert_same_steps(make)


@pytest.mark.parametrize("name", NAMES)
def test_groups(name: str) -> None:
    more = NEEDED.get(name, {}) | {"learning_rate": 0.01, "weight_decay": 0.02}
    rate = {} if name in WITHOUT_GROUP_RATES else {"lr": 0.02}
    # MindSpore's AdaFactor ignores the weight decay of groups.
    decay = {} if name == "AdaFactor" else {"weight_decay": 0.1}

    def make(nn: Any, params: list[Any]) -> Any:
        of = {"conv.weight table": rate, "dense.weight": decay}
        return getattr(nn, name)(groups(params, of, ordered=True), **more)

    assert_same_steps(make)


# MindSpore's Adam and its relatives take only float32 and float16.
@pytest.mark.parametrize("name", ["FTRL", "Adagrad", "Momentum", "AdaMax"])
def test_float64(name: str) -> None:
    more = NEEDED.get(name, {}) | {"learning_rate": 0.1}
    assert_same_steps(lambda nn, params: getattr(nn, name)(params, **more), dtype=np.float64)


@pytest.mark.parametrize("shapes", [{"one": ()}, {"one": (1,)}, {"deep": (2, 1, 3, 1, 2)}])
def test_odd_shapes(shapes: dict[str, tuple[int, ...]]) -> None:
    assert_same_steps(lambda nn, params: nn.Adam(params, learning_rate=0.01), shapes=shapes, steps=5)


def test_all_classes_are_compared() -> None:
    ours = {
        name
        for name, value in vars(fusedstep.mindspore.nn).items()
        if isinstance(value, type) and hasattr(value, "_step_by")
    }
    assert set(NAMES) <= ours
    # Without kernels for the CPU in MindSpore: see test_nn_formulas.py.
    assert ours - set(NAMES) == {"LARS", "Lamb"}
