"""The words of rules on a device: the CPU's bits, or a bound."""

from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.words import PerColumn, PerRow, column_max, column_min, row_max, row_min, tensor_max, tensor_min, where
from tests import reference
from tests.devices import INTERPRETED, LONG_INTERPRETED, host, on_device, on_host
from tests.rules import test_words

pytestmark = pytest.mark.gpu
FLOATS = ["float64", "float32"]


def stepped(rule: Any, states: list[np.ndarray], grad: np.ndarray, **scalars: Any) -> list[np.ndarray]:
    """The states after a step on the device."""
    given = [on_device(each) for each in states]
    fs.Operator(rule)(*given, on_device(grad), **scalars)
    return [on_host(each, state.dtype) for each, state in zip(given, states, strict=True)]


@pytest.mark.parametrize("dtype", reference.DTYPES)
def test_each_further_word(dtype: str, device: str) -> None:
    first, second = test_words.pairs(dtype)
    if dtype == "float64" and INTERPRETED:
        # A quotient of as many digits as float64's may have takes the interpreter long.
        near = (np.abs(second) > 1e-30) | ~np.isfinite(first)
        first, second = first[near], second[near]
    states = [first.copy() for _ in test_words.FURTHER]
    expected = reference.step(test_words.further_words, states, second, None, "touched", {"low": -0.7})
    got = stepped(test_words.further_words, states, second, low=-0.7)
    for word, each, want in zip(test_words.FURTHER, got, expected, strict=True):
        reference.assert_same_bits(each, want, word)


@pytest.mark.parametrize("dtype", FLOATS)
def test_remainders_are_numpys_for_quotients_of_every_size(dtype: str, device: str) -> None:
    rng, smallest = np.random.default_rng(4), -1074 if dtype == "float64" else -149
    first, second = (
        (np.exp2(rng.uniform(smallest, -smallest * 0.8, 300)) * rng.choice([-1, 1], 300)).astype(dtype)
        for _ in range(2)
    )
    reference.assert_same_bits(stepped(test_words.remainders, [first], second)[0], np.remainder(first, second))


@pytest.mark.parametrize("dtype", FLOATS)
def test_tanh_has_the_bits_of_the_cpu(dtype: str, device: str) -> None:
    x = test_words.arguments_of_tanh(dtype, 500)
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.concatenate([x, np.array([0.0, -0.0, np.inf, -np.inf, np.nan, tiny, -tiny, 1e30], dtype)])
    (got,) = stepped(test_words.of_tanh, [np.zeros_like(x)], x)
    finite = np.isfinite(x)
    assert test_words.units_of_tanh(got[finite], x[finite]) <= 2.5
    want = np.zeros_like(x)
    with host():
        fs.Operator(test_words.of_tanh)(want, x)
    reference.assert_same_bits(got, want)


@pytest.mark.parametrize("there", [(), ("lr",), ("lr", "low")], ids=["host", "one on the device", "device"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_words_of_scalars_alone_are_float64(dtype: str, there: tuple[str, ...], device: str) -> None:
    for lr, low in ((0.1, 0.3), (-0.7, -2.5)):
        var, grad = np.zeros(3, dtype), np.zeros(3, dtype)
        grad[0] = 1
        want = test_words.of_scalars(var.astype(np.float64), grad.astype(np.float64), lr=lr, low=low).astype(dtype)
        scalars = {"lr": lr, "low": low}
        scalars |= {name: on_device(np.array(scalars[name])) for name in there}
        (got,) = stepped(test_words.of_scalars, [var], grad, **scalars)
        np.testing.assert_allclose(got, want, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=LONG_INTERPRETED)])
def test_closed_forms_of_the_words(dtype: str, device: str) -> None:
    start = [np.arange(45.0, dtype=dtype).reshape(9, 5) / 8 for _ in range(2)]
    start[0][3, 3] = np.nan
    deferred, stepped = ([on_device(each) for each in start] for _ in range(2))
    test_words.wander(fs.DeferredRows(test_words.turning, *deferred), stepped, on_device, dtype, 6)
    for got, want in zip(deferred, stepped, strict=True):
        reference.assert_same_bits(on_host(got, start[0].dtype), on_host(want, start[0].dtype))


def all_maxima(
    var: Any, high: PerRow, low: PerRow, top: PerColumn, bottom: PerColumn, grad: Any
) -> tuple[Any, Any, Any, Any, Any]:
    # Of rows and of what rows are reduced to, over more than one block.
    new = where(var > 0, tensor_max(grad), tensor_min(row_max(grad)))
    return new, row_max(grad), row_min(grad), column_max(grad), column_min(grad)


@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.parametrize("shape", [(3, 5), (300, 9), (2, 1100), (2, 3, 7)])
def test_maxima_are_numpys_and_keep_a_nan(shape: tuple[int, ...], dtype: str, device: str) -> None:
    kind = reference.DTYPES[dtype]
    grad = np.random.default_rng(2).standard_normal(shape).astype(kind)
    by_row, by_column = (*shape[:-1], 1), (*shape[:-2], 1, shape[-1])
    states = [np.ones(each, kind) for each in (shape, by_row, by_row, by_column, by_column)]
    states[0].flat[1::2] = -1
    grad.flat[:2] = np.inf, -np.inf
    for place in (None, 0, grad.size - 1):
        if place is not None:
            grad.flat[place] = np.nan
        expected = reference.step(all_maxima, states, grad, None, "touched", {})
        for got, want in zip(stepped(all_maxima, states, grad), expected, strict=True):
            reference.assert_same_bits(got + 0, want + 0)
