"""Numbers that write down what is computed from them, run by Triton's interpreter beside NumPy."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fusedstep.codegen.gpu.build import load
from fusedstep.codegen.gpu.sources import word_definitions
from fusedstep.codegen.gpu.symbol import WORDS, Symbol, text_of
from fusedstep.codegen.gpu.weave import WIDE, module
from tests.devices import on_device

pytestmark = pytest.mark.gpu

FUNCTIONS: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + 2 * y - x / y - (-x),
    lambda x, y: 3.0 * ((x < y) | (x == 1.5)) - ((x >= y) & (y != 0.25)),
    lambda x, y: np.where((x > y) & ~(y > 1), x, 5),
    lambda x, y: np.where(x, y, 2) + np.where(True, x, y),
    lambda x, y: np.float64(0.5) * x + np.array(0.25) - y,
    lambda x, y: np.minimum(x, np.inf) + np.maximum(-np.inf, y),
    lambda x, y: np.multiply(x, y) + np.power(np.abs(x), 2.0) + np.logical_not(x > y),
    lambda x, y: (x % 0.75) + (7.5 % y) + (2.0 ** abs(y)),
    lambda x, y: +x * np.sign(y) + np.sqrt(np.exp(x)) + np.log(np.abs(y)),
    lambda x, y: False | (x > y),
]


def evaluated(function: Callable[[Any, Any], Any], *values: float) -> float:
    """What a function of two numbers gives on the device."""
    statements: list[str] = []
    result = text_of(function(Symbol("x", statements), Symbol("y", statements)))
    words = {f"word_{word}" for word in (*WORDS.values(), "power", "remainder")} | {"quotient"}
    lines = "\n".join(f"    {each}" for each in ("x = tl.load(given)", "y = tl.load(given + 1)", *statements))
    text = f"@triton.jit\ndef kernel(given, found):\n{lines}\n    tl.store(found, {result})"
    given, found = on_device(np.array(values)), on_device(np.zeros(1))
    load(module("a function of two numbers", word_definitions(words), WIDE, text)).kernel[(1,)](given, found)
    return float(found.item())


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
@pytest.mark.parametrize("values", [(1.5, 0.25), (-0.5, 2.5), (0.25, 0.25)])
def test_functions_of_symbols_are_those_of_numbers(number: int, values: tuple[float, float], device: str) -> None:
    expected = float(FUNCTIONS[number](*map(np.float64, values)))
    assert evaluated(FUNCTIONS[number], *values) == pytest.approx(expected, rel=1e-14)


def test_conditions_that_are_added_count(device: str) -> None:
    # As those of plain scalars do; arrays of NumPy would join them.
    assert evaluated(lambda x, y: 3 * ((x > 0) + (y > 0)), 1.5, 0.25) == 6


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: 1 if x else 2, "a closed form chooses by a scalar: write where"),
        (lambda x: math.exp(x), "a closed form makes a plain number of a scalar on a device"),
        (lambda x: np.log1p(x), "a closed form calls numpy.log1p, which devices do not know; use the words of rules"),
        (lambda x: np.clip(x, 0, 1), "a closed form calls numpy.clip, which devices do not know"),
    ],
)
def test_what_a_device_does_not_know_is_named(function: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        function(Symbol("x", []))


def test_numbers_that_are_not_finite() -> None:
    assert [text_of(each) for each in (np.inf, -math.inf, 2)] == [
        'wide(float("inf"))',
        'wide(float("-inf"))',
        "wide(2.0)",
    ]
