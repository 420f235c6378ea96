"""Closed forms for many steps with a zero gradient, beside the steps themselves on NumPy arrays."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.rules.idle import closed_form_of
from fusedstep.rules.master_weights import ftrl_proximal_with_master
from fusedstep.runtime import history

CLOSED: list[tuple[Callable[..., Any], int, dict[str, Any]]] = [
    (fs.rules.adam, 3, {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3}),
    (fs.rules.adam, 3, {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3, "use_nesterov": True}),
    (fs.rules.torch_adam, 4, {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3}),
    (fs.rules.adamw, 4, {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3, "weight_decay": 0.3}),
    (fs.rules.adam_weight_decay, 3, {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3, "decay": 0.3}),
    (fs.rules.momentum, 2, {"momentum": 0.9}),
    (fs.rules.momentum, 2, {"momentum": 0.9, "use_nesterov": True}),
    (fs.rules.keras_momentum, 2, {"momentum": 0.9}),
    (fs.rules.keras_momentum, 2, {"momentum": 0.9, "use_nesterov": True}),
    (fs.rules.sgd, 3, {"momentum": 0.9, "dampening": 0.5}),
    (fs.rules.sgd, 3, {"momentum": 0.9, "nesterov": True}),
    (fs.rules.sgd, 3, {"momentum": 0.0}),
    (fs.rules.weight_scale_momentum, 2, {"momentum": 0.9, "weight_decay": 0.0, "loss_scale": 0.5}),
    (fs.rules.gradient_descent, 1, {}),
    (fs.rules.proximal_gradient_descent, 1, {"l1": 0.3, "l2": 0.7}),
    (fs.rules.proximal_adagrad, 2, {"l1": 0.3, "l2": 0.7}),
    (fs.rules.adagrad, 2, {"epsilon": 1e-3}),
    (fs.rules.ftrl, 3, {"l1": 0.3, "l2": 0.7}),
    (fs.rules.ftrl, 3, {"l1": 0.3, "l2": 0.7, "multiply_linear_by_lr": True}),
    (fs.rules.ftrl, 3, {"l1": 0.3, "l2": 0.7, "keep_weights": True}),
    (fs.rules.ftrl_proximal, 3, {"l1": 0.3, "l2": 0.7, "beta": 0.5}),
    (fs.rules.ftrl_proximal, 3, {"l1": 0.3, "l2": 0.7, "beta": 0.5, "keep_weights": True}),
    (ftrl_proximal_with_master, 4, {"l1": 0.3, "l2": 0.7, "beta": 0.5, "lr_power": -0.5, "rounded": True}),
]


def name_of(case: Any) -> str | None:
    return case.__name__ if callable(case) else None


@pytest.mark.parametrize(("rule", "count", "constant"), CLOSED, ids=name_of)
def test_closed_form_is_what_the_steps_come_to(rule: Callable[..., Any], count: int, constant: dict[str, Any]) -> None:
    # Every closed form, as it stands, on NumPy arrays, since every step: no kernel has to be compiled for that.
    operator = fs.Operator(rule)
    switches = {name: constant.get(name, value) for name, value in operator.signature.switches.items()}
    idle = closed_form_of(rule)
    assert idle is not None
    slept = history.History(idle, switches, "float64", 1)
    rng = np.random.default_rng(1)
    begun = [np.abs(each) if rule is not fs.rules.momentum else each for each in rng.standard_normal((count, 40))]
    begun[0] = rng.standard_normal(40)
    begun[-1][::2] *= -1 if "ftrl" in rule.__name__ else 1
    if rule is fs.rules.sgd:
        begun[2][::2] = 0.0
    since = []
    for step in range(1, 41):
        adam = {"beta1_power": 0.9**step, "beta2_power": 0.99**step}
        scalars = {"lr": max(0.0, 0.1 * math.cos(step / 20)), **constant}
        scalars = dict.fromkeys(operator.signature.scalars, 0.0) | operator.signature.defaults | adam | scalars
        scalars = {name: scalars[name] for name in operator.signature.scalars}
        slept.end(slept.begin(scalars))
        since = [*since, begun]
        with np.errstate(all="ignore"):
            moved = (rule(*states, np.zeros(40), **scalars, **switches) for states in since)
            since = [list(each) if isinstance(each, tuple) else [each] for each in moved]
    assert slept.closed
    named = {name: value for name, value in switches.items() if name in idle_switches(idle.states)}
    held = dict(zip(idle.held, slept.held, strict=True))
    for number, want in enumerate(since):
        totals = dict(zip([*idle.kept_totals, *idle.moved_totals], slept.totals[:, number], strict=True))
        asked = {name: value for name, value in totals.items() if name in inspect.signature(idle.states).parameters}
        new = idle.states(*begun[: len(idle.takes)], **asked, **held, **named)
        got = new if isinstance(new, tuple) else (new,)
        for place, each in enumerate(want[: len(idle.takes)]):
            np.testing.assert_allclose(got[place], each, rtol=1e-11, atol=1e-13, err_msg=f"state {place}, {number}")


def idle_switches(function: Callable[..., Any]) -> set[str]:
    return {name for name, kind in function.__annotations__.items() if kind is bool}


@pytest.mark.parametrize(
    ("rule", "count", "constant"),
    [
        (fs.rules.sgd, 3, {"momentum": 0.9, "weight_decay": 0.1}),
        (fs.rules.torch_adam, 4, {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3, "weight_decay": 0.1}),
        (fs.rules.ftrl, 3, {"l1": 0.3, "l2": 0.7, "l2_shrinkage": 0.1}),
        (fs.rules.adam, 3, {"beta1": 0.99, "beta2": 0.9, "epsilon": 1e-3}),
        (fs.rules.adam, 3, {"beta1": 0.9, "beta2": 0.0, "epsilon": 1e-3}),
    ],
    ids=name_of,
)
def test_no_closed_form_where_it_does_not_hold(
    rule: Callable[..., Any], count: int, constant: dict[str, float]
) -> None:
    signature = fs.Operator(rule).signature
    slept = history.History(closed_form_of(rule), signature.switches, "float64", 1)
    scalars = dict.fromkeys(signature.scalars, 0.1) | constant
    totals = slept.begin(scalars)
    assert not slept.closed
    slept.end(totals)
    assert slept.allows(scalars)


def test_a_switch_that_uses_another_state_replays() -> None:
    states = [np.zeros((3, 2)) for _ in range(4)]
    assert fs.DeferredRows(fs.rules.adamw, *states)._history.closed_form is not None
    assert fs.DeferredRows(fs.rules.adamw, *states, amsgrad=True)._history.closed_form is None
