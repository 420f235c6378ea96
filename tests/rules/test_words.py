"""Each word alone, on every pair of special numbers, against its meaning in NumPy."""

from itertools import product
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep import words
from tests import reference

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


FLOATS = ("float16", "float32", "float64")
OF_TWO = ("divide_or_zero", "maximum", "minimum", "power", "where")
OF_ONE = [name for name in words.__all__ if name not in OF_TWO]


def operands(value: float) -> list[Any]:
    """A number as Python's, and of each type as NumPy's, as an array without dimensions and as one with some."""
    arrays = [np.full(shape, value, dtype) for dtype in FLOATS for shape in ((), (2, 2))]
    return [value, *arrays, *(np.dtype(dtype).type(value) for dtype in FLOATS)]


@pytest.mark.parametrize("word", OF_TWO)
@pytest.mark.parametrize("value", [0.0, 0.5, 3.0])
def test_a_word_of_two_has_the_type_of_their_sum(word: str, value: float) -> None:
    before = (True,) if word == "where" else ()
    for x, y in product(operands(0.3), operands(value)):
        got = getattr(words, word)(*before, x, y)
        assert np.asarray(got).dtype == np.asarray(x + y).dtype, (x, y)
        assert np.shape(got) == np.shape(x + y), (x, y)


@pytest.mark.parametrize("word", OF_ONE)
def test_a_word_of_one_keeps_its_type(word: str) -> None:
    for x in (each for each in operands(0.5) if np.ndim(each)):
        assert getattr(words, word)(x).dtype == x.dtype


def test_a_quotient_is_rounded_once_and_to_its_type() -> None:
    for dtype in map(np.dtype, FLOATS):
        three, third = dtype.type(3), dtype.type(1) / dtype.type(3)
        for x, y in ((np.full(2, 1, dtype), three), (1.0, np.full(2, 3, dtype)), (dtype.type(1), three)):
            assert np.unique(words.divide_or_zero(x, y)) == third
            assert np.asarray(words.divide_or_zero(x, y)).dtype == dtype
    assert words.divide_or_zero(1.0, 3.0) == 1.0 / 3.0
    assert words.divide_or_zero(np.array([1, 2]), 0).tolist() == [0.0, 0.0]
    # What is 0 in the type of the quotient divides nothing, as in a kernel.
    assert words.divide_or_zero(np.ones(2, np.float32), 1e-50).tolist() == [0.0, 0.0]
