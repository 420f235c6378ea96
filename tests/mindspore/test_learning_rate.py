"""Learning rates and weight decays, fixed or by step."""

from typing import Any

import numpy as np
import pytest

from fusedstep.mindspore import Parameter, Tensor, float32, nn
from fusedstep.mindspore.nn.optim.learning_rate import (
    FixedLearningRate,
    IteratorLearningRate,
    is_dynamic,
    parameter_or_schedule,
    read_learning_rate,
    read_weight_decay,
)


@pytest.mark.parametrize("given", [0.5, 1, np.float32(0.5), np.float64(0.5), np.int64(2)])
def test_numbers_are_fixed_floats(given: Any) -> None:
    found = read_learning_rate("Adam", given)
    assert type(found) is float
    assert found == given
    assert not is_dynamic(found)


@pytest.mark.parametrize("given", [[0.5, 0.25], (0.5, 0.25), np.array([0.5, 0.25]), Tensor([0.5, 0.25])])
def test_sequences_are_for_each_step(given: Any) -> None:
    found = read_learning_rate("Adam", given)
    assert is_dynamic(found)
    assert found.dtype == float32
    rate = parameter_or_schedule(found, "learning_rate", False)
    assert [rate(Tensor([step])).item() for step in range(2)] == [0.5, 0.25]
    with pytest.raises(IndexError, match="has 2 values, and step 2 has none"):
        rate(Tensor([2]))


def test_an_iterator_of_a_group_is_for_all_of_its_parameters() -> None:
    groups = [{"params": [Parameter([1.0], name=name) for name in "ab"], "lr": iter([0.5, 0.25])}]
    assert [rate(Tensor([1])).item() for rate in nn.Optimizer(0.1, groups).learning_rate] == [0.25, 0.25]


def test_a_tensor_of_no_dimension_is_fixed() -> None:
    found = parameter_or_schedule(read_learning_rate("Adam", Tensor(0.5)), "learning_rate", False)
    assert isinstance(found, Parameter)
    assert (found.name, found.item(), found.dtype) == ("learning_rate", 0.5, float32)


def test_a_fixed_one_among_schedules_is_called_like_them() -> None:
    found = parameter_or_schedule(0.5, "learning_rate_group_1", True)
    assert isinstance(found, FixedLearningRate)
    assert found(Tensor([3])).item() == 0.5
    assert found.learning_rate.name == "learning_rate_group_1"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (-0.5, ValueError),
        (float("nan"), ValueError),
        (True, TypeError),
        (None, TypeError),
        ("fast", TypeError),
        (b"fast", TypeError),
        ({"lr": 0.5}, TypeError),
        ([], ValueError),
        (["fast"], ValueError),
        ([0.5, None], ValueError),
        ([[0.5], [0.25]], ValueError),
        ([[0.5], [0.25, 0.125]], ValueError),
        (Tensor(np.ones((2, 2), np.float32)), ValueError),
        (nn.Cell(), TypeError),
    ],
)
def test_what_is_refused_as_learning_rate(given: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="Adam: learning_rate"):
        nn.Adam([Parameter([1.0], name="var")], learning_rate=given)


@pytest.mark.parametrize(("given", "error"), [(-0.5, ValueError), (True, TypeError), ("much", TypeError)])
def test_what_is_refused_as_weight_decay(given: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="Adam: weight_decay"):
        read_weight_decay("Adam", given, 1.0)


def test_groups_with_learning_rates_for_different_numbers_of_steps_are_refused() -> None:
    a, b = Parameter([1.0], name="a"), Parameter([1.0], name="b")
    with pytest.raises(ValueError, match=r"\[2, 3\] steps"):
        nn.Adam([{"params": [a], "lr": [0.1, 0.2]}, {"params": [b]}], learning_rate=[0.1, 0.2, 0.3])


def test_schedules_and_lists_of_groups_are_asked_at_each_step() -> None:
    a, b, c = (Parameter(Tensor(np.zeros(1)), name=name) for name in "abc")
    groups = [
        {"params": [a], "lr": nn.PolynomialDecayLR(0.5, 0.25, 2, 1.0)},
        {"params": [b], "lr": [0.5, 0.125]},
        {"params": [c]},
    ]
    optimizer = nn.Momentum(groups, learning_rate=1.0, momentum=0.0)
    assert isinstance(optimizer.get_lr_parameter(a), nn.PolynomialDecayLR)
    assert optimizer.get_lr_parameter(b).shape == (2,)
    assert isinstance(optimizer.learning_rate[1], IteratorLearningRate)
    grads = tuple(Tensor(-np.ones(1)) for _ in "abc")
    optimizer(grads)
    assert [each.item() for each in (a, b, c)] == [0.5, 0.5, 1.0]
    optimizer(grads)
    assert [each.item() for each in (a, b, c)] == [0.875, 0.625, 2.0]


def test_a_learning_rate_can_be_set_between_steps() -> None:
    var = Parameter(Tensor(np.zeros(1)), name="var")
    optimizer = nn.Momentum([var], learning_rate=1.0, momentum=0.0)
    optimizer.learning_rate.set_data(Tensor(0.25, float32))
    optimizer((Tensor(-np.ones(1)),))
    assert var.item() == 0.25
