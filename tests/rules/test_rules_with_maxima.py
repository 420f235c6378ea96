"""Maxima and minima of rows, columns and tensors, bit for bit as NumPy's but for the sign of a zero.

``test_rules_with_sums`` has rules in which they stand among sums.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.words import (
    PerColumn,
    PerRow,
    abs,
    column_max,
    column_min,
    row_max,
    row_min,
    tensor_max,
    tensor_min,
)
from tests import reference

FLOAT64 = np.dtype(np.float64)


def of_rows(var: Any, high: PerRow, low: PerRow, grad: Any, *, beta: Any) -> tuple[Any, Any, Any]:
    high, low = row_max(abs(grad)) + beta * high, row_min(grad * var)
    return var - row_max(high * var) * grad, high, low


def of_columns(var: Any, high: PerColumn, low: PerColumn, grad: Any, *, beta: Any) -> tuple[Any, Any, Any]:
    high, low = column_max(abs(grad)) + beta * high, column_min(grad * var)
    return var - column_max(high * var) * grad + tensor_min(low * var), high, low


def of_tensors(var: Any, other: Any, grad: Any, *, beta: Any) -> tuple[Any, Any]:
    largest = grad * tensor_max(var)
    return var - beta * largest, other * tensor_min(largest) + tensor_max(row_min(other))


def shape_of(rule: Any, shape: tuple[int, ...], number: int) -> tuple[int, ...]:
    """The shape of a state, with an axis of length 1 where the state has one number a row or column."""
    if not number or rule is of_tensors:
        return shape
    return (*shape[:-1], 1) if rule is of_rows else (*shape[:-2], 1, shape[-1])


def inputs(rule: Any, shape: tuple[int, ...], dtype: str, special: bool) -> tuple[list[np.ndarray], np.ndarray]:
    """States and a gradient, some of whose elements are no finite numbers."""
    rng, kind = np.random.default_rng(6), reference.DTYPES[dtype]
    count = len(fs.Operator(rule).signature.states)
    states = [rng.standard_normal(shape_of(rule, shape, number)).astype(kind) for number in range(count)]
    grad = rng.standard_normal(shape).astype(kind)
    if special and grad.size > 20:
        grad.flat[:: grad.size // 7] = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e30][
            : len(grad.flat[:: grad.size // 7])
        ]
    return states, grad


SHAPES = [(37, 5), (150, 33), (3, 600), (1, 1)]


def cases() -> Iterator[Any]:
    """Every rule in every shape, and in each type in one shape."""
    for rule in (of_rows, of_columns, of_tensors):
        for shape in [*SHAPES, (3, 70, 9)] if rule is of_columns else SHAPES:
            yield rule, shape, "float64"
        for dtype in ("float32", "float16", "bfloat16"):
            yield rule, SHAPES[0], dtype


@pytest.mark.parametrize(("rule", "shape", "dtype"), list(cases()))
@pytest.mark.usefixtures("split_small")
def test_bits_are_numpys_for_any_number_of_threads(rule: Any, shape: tuple[int, ...], dtype: str) -> None:
    for special in (False, True):
        with np.errstate(over="ignore"):
            states, grad = inputs(rule, shape, dtype, special)
        expected = reference.step(rule, states, grad, None, "touched", {"beta": 0.5})
        results = []
        for threads in (1, 2, 5):
            fs.set_num_threads(threads)
            given = [each.copy() for each in states]
            fs.Operator(rule)(*given, grad, beta=0.5)
            results.append(given)
        for want, *got in zip(expected, *results, strict=True):
            # Which of 0 and -0 is the larger NumPy leaves to the CPU.
            reference.assert_same_bits(got[0] + 0, want + 0)
            for other in got[1:]:
                reference.assert_same_bits(other, got[0], "more threads")


@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.usefixtures("split_small")
def test_rows_of_a_sparse_gradient(dtype: str, rows: str) -> None:
    states, _ = inputs(of_rows, (37, 40), dtype, special=False)
    rng = np.random.default_rng(2)
    grad, indices = rng.standard_normal((29, 40)).astype(reference.DTYPES[dtype]), rng.integers(0, 37, 29)
    grad[3, 4] = np.nan
    expected = reference.step(of_rows, states, grad, indices, rows, {"beta": 0.5})
    for threads in (1, 3):
        fs.set_num_threads(threads)
        given = [each.copy() for each in states]
        fs.Operator(of_rows)(*given, grad, indices, rows=rows, beta=0.5)
        for got, want in zip(given, expected, strict=True):
            reference.assert_same_bits(got + 0, want + 0)


@pytest.mark.parametrize("rule", [of_rows, of_columns, of_tensors])
def test_rows_with_gaps(rule: Any) -> None:
    states, grad = inputs(rule, (40, 8), "float32", special=True)
    wide = np.full((40, 16), np.inf, np.float32)
    wide[:, :8] = states[0]
    given = [wide[:, :8], *(each.copy() for each in states[1:])]
    for each in (given, states):
        fs.Operator(rule)(*each, grad, beta=0.5)
    for got, want in zip(given, states, strict=True):
        reference.assert_same_bits(got, want)
    assert (wide[:, 8:] == np.inf).all()


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.usefixtures("split_small")
def test_deferred_rows_take_the_steps_of_every_row(dtype: str) -> None:
    states, _ = inputs(of_rows, (23, 5), dtype, special=False)
    states[0] = (states[0] / 8).astype(states[0].dtype)
    stepped, deferred = ([each.copy() for each in states] for _ in range(2))
    rows, operator, rng = fs.DeferredRows(of_rows, *deferred), fs.Operator(of_rows), np.random.default_rng(3)
    for _ in range(20):
        indices = rng.integers(0, 23, 3)
        grad = (rng.standard_normal((3, 5)) / 8).astype(states[0].dtype)
        operator(*stepped, grad, indices, rows="every", beta=0.5)
        rows.step(grad, indices, beta=0.5)
    rows.flush()
    for got, want in zip(deferred, stepped, strict=True):
        reference.assert_same_bits(got, want)


def all_words(
    var: Any, high: PerRow, low: PerRow, top: PerColumn, bottom: PerColumn, grad: Any
) -> tuple[Any, Any, Any, Any, Any]:
    largest, smallest = tensor_max(grad), tensor_min(grad)
    new = var * 0 + largest + smallest * 2
    return new, row_max(grad), row_min(grad), column_max(grad), column_min(grad)


def reduced(grad: np.ndarray) -> list[np.ndarray]:
    """What ``all_words`` makes of a gradient."""
    rows, columns = grad.shape
    states = [np.ones((rows, columns)), *(np.ones((rows, 1)) for _ in range(2)), *(np.ones(columns) for _ in range(2))]
    fs.Operator(all_words)(*states, grad)
    return states


def test_a_nan_is_the_largest_and_the_smallest_number() -> None:
    grad = np.arange(12.0).reshape(3, 4)
    for place in ((0, 0), (1, 2), (2, 3)):
        given = grad.copy()
        given[place] = np.nan
        new, high, low, top, bottom = reduced(given)
        assert np.isnan(new).all()
        for by_row in (high, low):
            assert np.flatnonzero(np.isnan(by_row)).tolist() == [place[0]]
        for by_column in (top, bottom):
            assert np.flatnonzero(np.isnan(by_column)).tolist() == [place[1]]


@pytest.mark.parametrize("value", [-np.inf, np.inf, -1e308, 5e-324])
def test_numbers_at_the_end_of_the_line(value: float) -> None:
    new, high, low, top, bottom = reduced(np.full((300, 70), value))
    assert (new == value + value * 2).all()
    for each in (high, low, top, bottom):
        assert (each == value).all()


@pytest.mark.parametrize("shape", [(0, 4), (5, 0)])
def test_of_nothing_there_is_no_step(shape: tuple[int, ...]) -> None:
    assert all((each == 1).all() for each in reduced(np.ones(shape)))


def of_a_scalar(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - row_max(lr) * grad


def of_columns_by_row(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - lr * row_min(column_max(grad))


@pytest.mark.parametrize(("rule", "word"), [(of_a_scalar, "row_max"), (of_columns_by_row, "row_min")])
def test_what_has_no_maximum(rule: Any, word: str) -> None:
    with pytest.raises(TypeError, match=rf"{word}\(\) takes a value that varies by element"):
        fs.Operator(rule)(np.ones((2, 3)), np.ones((2, 3)), lr=0.5)
