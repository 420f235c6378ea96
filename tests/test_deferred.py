"""Deferred rows: what is flushed equals the same run with every row updated at every step."""

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import fusedstep as fs
from fusedstep.words import column_mean, row_mean, sign

from .reference import assert_same_bits

ROWS, WIDTH = 23, 5


def wandering(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any, twice: bool = False) -> tuple[Any, Any]:
    """A rule that has no closed form, and moves without a gradient."""
    mean = beta * mean + (1 - beta) * grad
    return var - lr * sign(mean) * (mean * var if twice else 0.5), mean


def by_row(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
    """A rule that adds up rows."""
    mean = beta * mean + (1 - beta) * grad
    return var - lr * mean - lr * row_mean(var), mean


def by_column(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - lr * grad - lr * column_mean(var)


def scalars_of_adam(step: int, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> dict[str, float]:
    """Adam's scalars under a cosine schedule."""
    return {
        "lr": 1e-3 * (1.01 + math.cos(step / 300)) / 2,
        "beta1": beta1,
        "beta2": beta2,
        "epsilon": epsilon,
        "beta1_power": beta1**step,
        "beta2_power": beta2**step,
    }


def scalars_of_wandering(step: int) -> dict[str, float]:
    return {"lr": 0.1 / step, "beta": 0.9 + 0.05 * math.sin(step)}


def numbers(dtype: Any, count: int = 2, rows: int = ROWS) -> list[np.ndarray]:
    """States, the last one positive."""
    rng = np.random.default_rng(7)
    states = [rng.standard_normal((rows, WIDTH)).astype(dtype) for _ in range(count)]
    states[-1] = np.abs(states[-1])
    return states


def batches(steps: int, dtype: Any, rows: int = ROWS) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The number of each step, a gradient and indices, some of them twice, some steps without any."""
    rng = np.random.default_rng(3)
    for step in range(1, steps + 1):
        count = int(rng.integers(0, 5))
        yield step, rng.standard_normal((count, WIDTH)).astype(dtype), rng.integers(0, rows, count)


@pytest.mark.parametrize(
    ("rule", "count", "scalars", "switches", "dtypes"),
    [
        (fs.rules.adam, 3, scalars_of_adam, {}, (np.float32,) * 3),
        (fs.rules.adam, 3, scalars_of_adam, {}, (np.float64,) * 3),
        (wandering, 2, scalars_of_wandering, {"twice": True}, (np.float16, np.float32)),
        (wandering, 2, scalars_of_wandering, {}, (ml_dtypes.bfloat16,) * 2),
        (by_row, 2, scalars_of_wandering, {}, (np.float32,) * 2),
    ],
)
@pytest.mark.usefixtures("split_small")
def test_replay_equals_every_row_at_every_step(
    rule: Callable[..., Any], count: int, scalars: Any, switches: dict[str, bool], dtypes: tuple[Any, ...]
) -> None:
    states = [state.astype(dtype) for state, dtype in zip(numbers(np.float64, count), dtypes, strict=True)]
    expected, every = copy.deepcopy(states), fs.Operator(rule, **switches)
    table = fs.DeferredRows(rule, *states, method="replay", **switches)
    for step, grad, indices in batches(60, dtypes[0]):
        fs.set_num_threads(step % 3 + 1)
        assert table.step(grad, indices, **scalars(step))[0] is states[0]
        every(*expected, grad, indices, rows="every", **scalars(step))
        if step % 7 == 0:
            looked_up = np.array([3, step % ROWS, 3])
            table.catch_up(looked_up)
            for got, want in zip(states, expected, strict=True):
                assert_same_bits(got[looked_up], want[looked_up], f"step {step}")
        if step == 40:
            table.flush()
            table.flush()
    table.flush()
    for got, want in zip(states, expected, strict=True):
        assert_same_bits(got, want)
