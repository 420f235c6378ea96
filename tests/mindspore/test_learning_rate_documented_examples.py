"""The examples that MindSpore documents for its learning rates: gradient descent steps by each of them."""

from typing import Any

import numpy as np
import pytest

import fusedstep.mindspore as face
from fusedstep.mindspore import nn

LISTS = {
    "piecewise_constant_lr": ([2, 5, 10], [0.1, 0.05, 0.01]),
    "exponential_decay_lr": (0.1, 0.9, 6, 2, 1),
    "natural_exp_decay_lr": (0.1, 0.9, 6, 2, 2, True),
    "inverse_decay_lr": (0.1, 0.5, 6, 1, 1, True),
    "cosine_decay_lr": (0.01, 0.1, 6, 2, 2),
    "polynomial_decay_lr": (0.1, 0.01, 6, 2, 2, 0.5),
    "warmup_lr": (0.1, 6, 2, 2),
}
CELLS = {
    "ExponentialDecayLR": (0.1, 0.9, 4),
    "NaturalExpDecayLR": (0.1, 0.9, 4, True),
    "InverseDecayLR": (0.1, 0.9, 4, True),
    "CosineDecayLR": (0.01, 0.1, 4),
    "PolynomialDecayLR": (0.1, 0.01, 4, 0.5),
    "WarmUpLR": (0.1, 2),
}


def descent(learning_rate: Any, steps: int) -> list[float]:
    """How far each step of gradient descent goes with a gradient of 1."""
    var = face.Parameter(face.Tensor(np.zeros(1, np.float32)), name="var")
    optimizer = nn.SGD([var], learning_rate=learning_rate)
    gone = []
    for _ in range(steps):
        var.asnumpy()[:] = 0
        optimizer((face.Tensor(np.ones(1, np.float32)),))
        gone.append(-var.asnumpy().item())
    return gone


@pytest.mark.parametrize("name", LISTS)
def test_gradient_descent_steps_by_a_list(name: str) -> None:
    rates = getattr(nn, name)(*LISTS[name])
    np.testing.assert_array_equal(descent(rates, len(rates)), np.array(rates, np.float32))


@pytest.mark.parametrize("name", CELLS)
def test_gradient_descent_steps_by_a_schedule_or_by_its_rate_of_one_step(name: str) -> None:
    schedule = getattr(nn, name)(*CELLS[name])
    rates = [schedule(face.Tensor(step, face.int32)) for step in range(6)]
    assert descent(schedule, 6) == [rate.item() for rate in rates]
    assert descent(rates[2], 2) == [rates[2].item()] * 2


def test_every_learning_rate_has_its_example() -> None:
    assert set(LISTS) == set(nn.dynamic_lr.__all__)
    assert set(CELLS) == set(nn.learning_rate_schedule.__all__)
