"""Each word alone, on every pair of special numbers, against its meaning in NumPy."""

from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep import words

from . import reference

SPECIAL = [0.0, 1.0, 0.5, 3.0, 1e-30, 1e30, 1e-40, 1e-45, 65504.0, np.inf]
SPECIAL = [*SPECIAL, *(-each for each in SPECIAL), np.nan]


def each_word(one: Any, two: Any, three: Any, four: Any, five: Any, grad: Any) -> tuple[Any, ...]:
    return (
        words.sign(one),
        words.sqrt(two),
        words.abs(three),
        words.divide_or_zero(four, grad),
        words.where((five <= grad) | ~(grad < 1), five, -grad),
    )


def larger_and_smaller(larger: Any, smaller: Any, grad: Any) -> tuple[Any, Any]:
    return words.maximum(larger, grad), words.minimum(smaller, grad)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_each_word(dtype: str) -> None:
    first, second = (each.ravel() for each in np.meshgrid(np.array(SPECIAL, dtype), np.array(SPECIAL, dtype)))
    states = [first.copy() for _ in range(5)]
    expected = reference.step(each_word, states, second, None, "touched", {})
    fs.Operator(each_word)(*states, second)
    for word, got, want in zip(("sign", "sqrt", "abs", "divide_or_zero", "where"), states, expected, strict=True):
        reference.assert_same_bits(got, want, word)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_maximum_and_minimum(dtype: str) -> None:
    first, second = (each.ravel() for each in np.meshgrid(np.array(SPECIAL, dtype), np.array(SPECIAL, dtype)))
    states = [first.copy() for _ in range(2)]
    expected = reference.step(larger_and_smaller, states, second, None, "touched", {})
    fs.Operator(larger_and_smaller)(*states, second)
    for got, want in zip(states, expected, strict=True):
        # Which of 0 and -0 is the larger NumPy leaves to the CPU.
        reference.assert_same_bits(got + 0.0, want + 0.0)


def powers(var: Any, total: Any, grad: Any, *, one: Any, two: Any) -> tuple[Any, Any]:
    return words.power(var, one) + words.power(total, two), words.power(total, two) * grad


@pytest.mark.parametrize(("one", "two"), [(0.5, 0.5), (0.5, 0.3), (0.3, 0.5), (0.7, 1.5)])
@pytest.mark.parametrize("indices", [None, np.array([3, 0, 3])], ids=["dense", "touched"])
def test_roots_among_powers(one: float, two: float, indices: np.ndarray | None) -> None:
    random = np.random.default_rng(1)
    states = [random.random((5, 33)) for _ in range(2)]
    grad = random.random((5, 33) if indices is None else (3, 33))
    expected = reference.step(powers, states, grad, indices, "touched", {"one": one, "two": two})
    fs.Operator(powers)(*states, grad, indices, one=one, two=two)
    for got, want in zip(states, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)


def test_the_public_words_are_those_of_the_rules() -> None:
    assert set(words.__all__) == set(fs.rules.words.__all__)
    for name in words.__all__:
        assert getattr(words, name) is getattr(fs.rules.words, name)
