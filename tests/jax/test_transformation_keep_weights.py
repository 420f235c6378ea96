"""FTRL rules with schedules of optax, and from weights that were trained elsewhere or set."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

import fusedstep as fs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

PENALTIES = {"l1": 0.1, "l2": 0.3}
STEPS = 20
MADE: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "ftrl": (fs.jax.ftrl, PENALTIES),
    "ftrl_proximal": (fs.jax.ftrl_proximal, PENALTIES | {"beta": 0.5}),
    "group_lasso_ftrl": (fs.jax.group_lasso_ftrl, PENALTIES | {"l21": 0.2}),
}


def weights(dtype: str = "float32") -> Any:
    values = np.linspace(-1.0, 1.5, 24).reshape(8, 3)
    values[3], values[4, 1] = 0.0, 0.0
    return jax.numpy.asarray(values, dtype)


@cache
def step_of(optimizer: Any) -> Any:
    """A compiled step."""

    @jax.jit
    def step(params: Any, state: Any, grad: Any) -> tuple[Any, Any]:
        updates, state = optimizer.update(jax.numpy.full_like(params, grad), state, params)
        return optax.apply_updates(params, updates), state

    return step


def run(optimizer: Any, params: Any, state: Any, grads: list[float]) -> tuple[Any, Any]:
    for grad in grads:
        params, state = step_of(optimizer)(params, state, grad)
    return params, state


SCHEDULES = {
    "linear": optax.linear_schedule(0.01, 1.0, STEPS),
    "cosine": optax.cosine_decay_schedule(1.0, STEPS),
    "one cycle": optax.cosine_onecycle_schedule(STEPS, 1.0),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", MADE)
def test_a_schedule_alone_moves_no_weight(name: str, schedule: str) -> None:
    make, scalars = MADE[name]
    optimizer = make(lr=SCHEDULES[schedule], **scalars)
    params = weights()
    # Zero gradients, then small ones, then zero gradients again.
    got, state = run(optimizer, params, optimizer.init(params), [0.0] * 5)
    np.testing.assert_array_equal(got, params)
    got, state = run(optimizer, got, state, [0.3, -0.2])
    assert not np.array_equal(got, params)
    then, state = run(optimizer, got, state, [0.0] * STEPS)
    np.testing.assert_array_equal(then, got)


@pytest.mark.parametrize("name", MADE)
def test_changed_settings_and_weights(name: str) -> None:
    make, scalars = MADE[name]
    injected = optax.inject_hyperparams(make)(lr=0.5, **scalars)
    params = weights()
    params, state = run(injected, params, injected.init(params), [0.3, -0.2])
    changes = {"lr": 0.01, "l1": 0.2, "l2": 0.01, "beta": 2.0, "l21": 0.1}
    for key, value in changes.items():
        if key in state.hyperparams:
            state.hyperparams[key] = jax.numpy.asarray(value)
        got, state = run(injected, params, state, [0.0])
        np.testing.assert_array_equal(got, params, key)
    for value in (5.0, 0.0):
        params = params.at[2:5].set(value)
        got, state = run(injected, params, state, [0.0, 0.0])
        np.testing.assert_array_equal(got, params, str(value))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_steps_of_functions(dtype: str) -> None:
    table = weights(dtype)
    settings = PENALTIES | {"beta": 0.5, "keep_weights": True}
    dense = partial(fs.jax.dense_update, fs.rules.ftrl_proximal, **settings)
    sparse = partial(fs.jax.sparse_update, fs.rules.ftrl_proximal, **settings)
    states = tuple(jax.numpy.full(table.shape, each, "float32") for each in (0.1, 0.0))
    for lr in (0.01, 1.0, 0.0, 0.3):
        ids = jax.numpy.asarray([1, 3, 1])
        got, states = dense(table, states, jax.numpy.zeros_like(table), lr=lr)
        np.testing.assert_array_equal(got, table)
        got, states = sparse(table, states, ids, jax.numpy.zeros((3, 3), dtype), lr=lr)
        np.testing.assert_array_equal(got, table)


def test_the_published_formula() -> None:
    optimizer = fs.jax.ftrl_proximal(lr=0.5, **PENALTIES, initial={"accum": 0.1}, keep_weights=False)
    params = weights()
    got, _ = run(optimizer, params, optimizer.init(params), [0.0])
    assert not got.any()
