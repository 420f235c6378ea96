"""Rules whose weights follow from sums and settings: with ``keep_weights`` neither settings nor sums move a weight."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.rules.master_weights import ftrl_proximal_with_master, unrounded
from tests import reference

PENALTIES = {"l1": 1.0, "l2": 0.2}
# The rules, and scalars beside lr; global_step is the number of the step.
KEEPING: dict[str, tuple[Callable[..., Any], dict[str, float]]] = {
    "ftrl": (fs.rules.ftrl, PENALTIES),
    "ftrl_proximal": (fs.rules.ftrl_proximal, PENALTIES | {"beta": 0.5, "lr_power": -0.4}),
    "group_lasso_ftrl": (fs.rules.group_lasso_ftrl, PENALTIES | {"l21": 1.0, "beta": 0.5}),
}
SHAPE = (20, 10)


def numbered(scalars: dict[str, float], step: int) -> dict[str, float]:
    return scalars | ({"global_step": step} if "global_step" in scalars else {})


def trained(name: str, steps: int = 30, **switches: bool) -> list[np.ndarray]:
    """States after some steps that left some weights 0, some not."""
    rule, scalars = KEEPING[name]
    rng = np.random.default_rng(4)
    states = [np.zeros(SHAPE) for _ in range(3)]
    for step in range(1, steps + 1):
        grad = rng.standard_normal(SHAPE) * rng.choice([0.0, 0.2, 1.0], SHAPE)
        grad[:5] *= 0.02
        states = list(rule(*states, grad, lr=0.3, **numbered(scalars, step), **switches))
    assert 0.1 < np.mean(states[0] == 0) < 0.9
    return states


def test_every_rule_that_keeps_weights_is_tested_here() -> None:
    found = {
        name for name in fs.rules.__all__ if "keep_weights" in fs.Operator(getattr(fs.rules, name)).signature.switches
    }
    assert found == KEEPING.keys()


@pytest.mark.parametrize("name", KEEPING)
def test_under_constant_settings_it_is_the_plain_rule(name: str) -> None:
    for steps in (20, 30, 100):
        for kept, plain in zip(trained(name, steps, keep_weights=True), trained(name, steps), strict=True):
            np.testing.assert_allclose(kept, plain, rtol=1e-11, atol=1e-13)


CHANGES: list[dict[str, float]] = [
    {"lr": 0.01},
    {"lr": 30.0},
    {"l1": 0.001, "l2": 0.0},
    {"l1": 5.0, "l2": 7.0},
    {"beta": 3.0, "lr_power": -0.7},
    {"beta": 0.0, "l21": 0.1},
    {"l21": 9.0, "lr": 1e-12},
    {"lr": 0.0},
    {"lr": 0.3},
]


@pytest.mark.parametrize("name", KEEPING)
def test_no_setting_moves_a_weight(name: str) -> None:
    rule, scalars = KEEPING[name]
    states = trained(name)
    before, settings = states[0].copy(), {"lr": 0.3, **scalars}
    for step, change in enumerate(CHANGES, 31):
        settings |= {key: value for key, value in change.items() if key == "lr" or scalars.get(key)}
        states = list(rule(*states, np.zeros(SHAPE), **numbered(settings, step), keep_weights=True))
        np.testing.assert_array_equal(states[0], before, str(change))


@pytest.mark.parametrize("name", KEEPING)
def test_weights_that_are_set_stay(name: str) -> None:
    rule, scalars = KEEPING[name]
    scalars = numbered(scalars, 31)
    states = trained(name)
    for value, where in ((5.0, np.s_[:]), (-0.25, np.s_[3]), (0.0, np.s_[4:9]), (1e-6, np.s_[6, 2]), (0.0, np.s_[:])):
        states[0][where] = value
        before = states[0].copy()
        for _ in range(3):
            states = list(rule(*states, np.zeros(SHAPE), lr=0.3, **scalars, keep_weights=True))
        np.testing.assert_array_equal(states[0], before, f"{value} at {where}")


@pytest.mark.parametrize("name", KEEPING)
def test_a_gradient_acts_as_on_fresh_sums(name: str) -> None:
    rule, scalars = KEEPING[name]
    settings = {"lr": 0.02, **numbered(scalars, 31), "l2": 0.7}
    states = trained(name)
    states[0][:, ::2] += 0.5
    grad = np.random.default_rng(1).standard_normal(SHAPE)
    # Where l1 has collected nothing, the sums tell nothing that the weights do not tell.
    states[2][states[0] == 0] = 0
    got = rule(*states, grad, **settings, keep_weights=True)
    states[2] = np.zeros(SHAPE)
    fresh = rule(*states, grad, **settings, keep_weights=True)
    for one, other in zip(got, fresh, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    assert (got[0] != states[0]).mean() > 0.5


@pytest.mark.parametrize("name", ["ftrl", "ftrl_proximal", "group_lasso_ftrl"])
def test_what_l1_has_collected_stays(name: str) -> None:
    rule, scalars = KEEPING[name]
    settings = {**scalars, "l1": 1.0, "keep_weights": True} | ({"l21": 0.0} if "l21" in scalars else {})
    states = [np.zeros((1, 1)), np.full((1, 1), 0.1), np.zeros((1, 1))]
    for lr in (0.01, 1.0, 0.1):
        states = list(rule(*states, np.full((1, 1), 0.3), lr=lr, **settings))
        assert states[0] == 0
    np.testing.assert_allclose(states[2], 0.9)
    assert rule(*states, np.full((1, 1), 0.3), lr=0.1, **settings)[0] < 0
    # Of a smaller penalty all has been collected: the next gradient moves the weight.
    lower = rule(*states, np.zeros((1, 1)), lr=0.1, **settings | {"l1": 0.5})
    assert lower[0] == 0
    np.testing.assert_allclose(lower[2], 0.5)
    assert rule(*lower, np.full((1, 1), 1e-3), lr=0.1, **settings | {"l1": 0.5})[0] < 0


@pytest.mark.parametrize("name", KEEPING)
def test_a_nan_stays_where_it_is(name: str) -> None:
    rule, scalars = KEEPING[name]
    states = [np.full((3, 2), each) for each in (1.0, 0.1, 0.0)]
    states[0][0] = np.nan
    grad = np.full((3, 2), 0.1)
    grad[1] = np.nan
    new = rule(*states, grad, lr=0.1, **scalars, keep_weights=True)
    assert np.isnan(new[0]).all(axis=1).tolist() == [True, True, False]


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_a_master_weight_is_taken_where_the_stored_weight_is_its_rounding(name: str) -> None:
    dtype, last, tiny = {"bfloat16": (reference.DTYPES[name], 2.0**-7, 2.0**-126)}.get(
        name, (np.dtype(np.float16), 2.0**-10, 2.0**-14)
    )
    scalars = {"splitter": np.float32(1 + last * 2.0**23), "least": np.float32(tiny * last / 2)}
    rng = np.random.default_rng(2)
    master = (rng.standard_normal(20_000) * 10.0 ** rng.integers(-9, 4, 20_000)).astype(np.float32)
    # Ties, either way, and what is stored as it is.
    exact = rng.standard_normal(1000).astype(dtype).astype(np.float32)
    master = np.concatenate([master, exact, exact * np.float32(1 + last / 2)])
    stored = master.astype(dtype).astype(np.float32)
    np.testing.assert_array_equal(unrounded(stored, master, **scalars), master)
    # The next number of the stored type is another weight.
    other = (stored.astype(dtype).view(np.uint16) ^ np.uint16(1)).view(dtype).astype(np.float32)
    told = np.abs(other - master) > np.abs(stored - master)
    assert told.mean() > 0.9
    np.testing.assert_array_equal(unrounded(other, master, **scalars)[told], other[told])


def test_without_a_master_weight_it_is_the_rule() -> None:
    states = trained("ftrl_proximal")
    settings, grad = {"lr": 0.1, **KEEPING["ftrl_proximal"][1]}, np.full(SHAPE, 0.1)
    plain = fs.rules.ftrl_proximal(*states, grad, **settings, keep_weights=True)
    for rounded in (False, True):
        got = ftrl_proximal_with_master(*states, states[0], grad, **settings, rounded=rounded)
        for one, other in zip(got, plain, strict=False):
            reference.assert_same_bits(one, other)


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_small_gradients_beside_rounded_weights(name: str) -> None:
    kind = {"bfloat16": (2.0**-7, 2.0**-126), "float16": (2.0**-10, 2.0**-14)}[name]
    told = {"splitter": 1 + kind[0] * 2.0**23, "least": kind[0] * kind[1] / 2}
    rng = np.random.default_rng(3)
    start = rng.standard_normal((9, 4)).astype(reference.DTYPES[name])
    rounded = [start.copy(), *(np.full((9, 4), each, np.float32) for each in (1.0, 0.0, 0.0))]
    exact = [start.astype(np.float64), *(np.full((9, 4), each) for each in (1.0, 0.0))]
    step = fs.Operator(ftrl_proximal_with_master, rounded=True)
    for number in range(300):
        # By less than a last place, at a rate that falls, and at single rows.
        settings = {"lr": 1 / (1 + number / 100), "l1": 0.01, "l2": 0.1, "beta": 1.0, "lr_power": -0.5}
        grad, rows = (0.01 * rng.standard_normal((4, 4)) + 0.005).astype(np.float32), rng.permutation(9)[:4]
        step(*rounded, grad, rows, **settings, **told)
        named = [each[rows] for each in exact]
        new = fs.rules.ftrl_proximal(*named, grad, **settings, keep_weights=True)
        for each, its in zip(exact, new, strict=True):
            each[rows] = its
    assert np.abs(exact[0] - start).min() > 0.01
    np.testing.assert_allclose(rounded[3], exact[0], rtol=1e-4, atol=1e-5)
    reference.assert_same_bits(rounded[0], rounded[3].astype(start.dtype))
