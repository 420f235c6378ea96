"""Learning rates beside MindSpore's own, where that is installed."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from fusedstep.mindspore import Tensor, nn
from tests.mindspore import test_dynamic_lr, test_learning_rate_schedule

STEPS = [*range(12), 99, 1000, 123_456, 2**31 - 1]


@pytest.fixture(scope="module")
def real() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("mindspore")


def settings_of(random: np.random.Generator, good: dict[str, Any]) -> dict[str, Any]:
    """Other settings of the same types, in their ranges."""
    drawn = {
        float: lambda: float(random.uniform(0.01, 1.3)),
        int: lambda: int(random.integers(1, 60)),
        bool: lambda: bool(random.integers(2)),
    }
    made = {name: drawn[type(value)]() for name, value in good.items()}
    if "min_lr" in made:
        made["min_lr"] = made["max_lr"] / 9
    return made


@pytest.mark.parametrize("name", [name for name in test_dynamic_lr.GOOD if name != "piecewise_constant_lr"])
def test_lists_have_the_same_bits(name: str, real: Any) -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        arguments = settings_of(random, test_dynamic_lr.GOOD[name])
        assert getattr(nn, name)(**arguments) == getattr(real.nn, name)(**arguments)


@pytest.mark.parametrize("name", test_learning_rate_schedule.GOOD)
def test_cells_have_the_same_bits(name: str, real: Any) -> None:
    random = np.random.default_rng(1)
    # The C library rounds some powers of float32 numbers to the other neighbour.
    units = 1 if name in ("ExponentialDecayLR", "NaturalExpDecayLR", "PolynomialDecayLR") else 0
    for _ in range(20):
        arguments = settings_of(random, test_learning_rate_schedule.GOOD[name])
        ours, theirs = getattr(nn, name)(**arguments), getattr(real.nn, name)(**arguments)
        for step in STEPS:
            for number in (step, [step]):
                array = np.array(number, np.int32)
                rate, expected = ours(Tensor(array)).asnumpy(), theirs(real.Tensor(array)).asnumpy()
                assert (rate.dtype, rate.shape) == (expected.dtype, expected.shape)
                np.testing.assert_array_max_ulp(rate, expected, maxulp=units)


@pytest.mark.parametrize("name", [*test_dynamic_lr.GOOD, *test_learning_rate_schedule.GOOD])
def test_refusals_are_of_the_same_types(name: str, real: Any) -> None:
    good = {**test_dynamic_lr.GOOD, **test_learning_rate_schedule.GOOD}[name]
    odd = [None, "a", True, 0, 1, -1, 0.0, 1.5, -1.5, np.inf, np.nan, np.float64(0.5), np.float32(0.5), np.int64(3)]
    lists = [[1], [2, 5], (2, 5), (5, 2), [0, 3], [2.0, 5], [True, 2], [0.1, 1], [0.1, np.nan], (0.1, -0.2), []]
    for argument in good:
        for value in [*odd, *lists]:
            arguments = good | {argument: value}
            assert outcome(getattr(nn, name), arguments) is outcome(getattr(real.nn, name), arguments), arguments


def outcome(function: Any, arguments: dict[str, Any]) -> type[Exception] | None:
    """The type of the error that a call raises."""
    try:
        function(**arguments)
    except (TypeError, ValueError) as error:
        return type(error)
    return None
