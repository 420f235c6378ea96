"""Every rule on every loop in every storage type, against the rule as it stands on NumPy arrays.

To test another rule, add one row to ``RULES``; its switches are found by themselves.

How results are bounded: in each type they must be, bit for bit, what the rule gives on NumPy arrays of the compute
type, rounded to nearest even once when stored (``reference.step``). Beside that, float32 and 16-bit results must be
near the rule in float64 on the same stored inputs: with ``slack`` = row.ulps * 2**-24 * (|before| + |exact|) + 2**-140,
the result lies between exact - slack and exact + slack, each rounded to the storage type.
"""

import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.words import abs, divide_or_zero, maximum, minimum, sign, sqrt, where

from . import reference

FLOAT64 = np.dtype(np.float64)


@dataclass(frozen=True)
class Row:
    """A rule, and numbers that suit it.

    Attributes:
        rule: the rule.
        scalars: values that no 32-bit float holds exactly.
        positive: the states that are never negative.
        ulps: how far, in units in the last place of float32, arithmetic may lead from the float64 rule.
    """

    rule: Callable[..., Any]
    scalars: dict[str, float]
    positive: tuple[str, ...] = ()
    ulps: float = 4

    @property
    def states(self) -> list[str]:
        kinds = inspect.Parameter
        parameters = inspect.signature(self.rule).parameters.values()
        return [each.name for each in parameters if each.kind is kinds.POSITIONAL_OR_KEYWORD][:-1]

    @property
    def settings(self) -> list[dict[str, bool]]:
        """Every setting of the switches; the default one first."""
        parameters = inspect.signature(self.rule).parameters.values()
        switches = [each for each in parameters if each.annotation in (bool, "bool")]
        values = itertools.product(*((each.default, not each.default) for each in switches))
        return [dict(zip((each.name for each in switches), each, strict=True)) for each in values]


def exact_words(var: Any, other: Any, grad: Any, *, lr: Any, twice: bool = False) -> tuple[Any, Any]:
    """Every word whose result is correctly rounded."""
    root = sqrt(abs(other)) + sqrt(lr) if twice else sqrt(abs(other))
    var = minimum(maximum(var, -root), root) - lr * divide_or_zero(grad, other) + sign(grad) * lr / 3
    other = where((abs(grad) <= lr) | ~(other < 1) & (var == var), other, -other / (1 + lr)) + (grad > 0) * lr
    return var, other


def momentum(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
    """A rule that compiles quickly, for what does not depend on the rule."""
    mean = beta * mean + (1 - beta) * grad
    return var - lr * mean, mean


# The last two are here for what rules are made of.
RULES = [
    Row(
        fs.rules.adam,
        {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-3, "beta1_power": 0.729, "beta2_power": 0.997},
        positive=("v",),
    ),
    Row(fs.rules.proximal_adagrad, {"lr": 0.1, "l1": 0.3, "l2": 0.7}, positive=("accum",), ulps=6),
    Row(exact_words, {"lr": 0.1}, ulps=6),
    Row(momentum, {"lr": 0.1, "beta": 0.9}),
]


@dataclass(frozen=True)
class Storage:
    """Storage types: of the variable, the other states, and the gradient."""

    var: str
    others: str
    grad: str

    @property
    def mixed(self) -> bool:
        return not self.var == self.others == self.grad

    @property
    def name(self) -> str:
        return f"{self.var}+{self.others}+{self.grad}" if self.mixed else self.var


STORAGES = [Storage(name, name, name) for name in ("float64", "float32", "float16", "bfloat16")] + [
    Storage("bfloat16", "float32", "bfloat16"),
    Storage("float16", "float32", "float32"),
    Storage("float32", "float16", "float32"),
    Storage("float16", "bfloat16", "float16"),
    Storage("bfloat16", "bfloat16", "float32"),
]
LOOPS = {"dense": None, "touched": "touched", "every": "every"}
ROWS, SHAPE = 37, (37, 5)


def table() -> Iterator[Any]:
    """Every rule, setting of the switches, storage type and loop, but for what no fault could tell apart.

    Each kernel takes a second or two to compile. Switches change what is computed and storage types how it is loaded
    and stored, so mixtures run with the default switches only; all of them go through every loop with the cheap rule,
    and with the others, as 16-bit types with other switches, through ``every``, which uses all words of the loops.
    """
    for row in RULES:
        for number, switches in enumerate(row.settings):
            for storage, loop in itertools.product(STORAGES, LOOPS):
                if storage.mixed and number:
                    continue
                half = storage.var in ("float16", "bfloat16")
                if loop == "every" or row.rule is momentum or not (storage.mixed or (half and number)):
                    on = [name for name, value in switches.items() if value != row.settings[0][name]]
                    name = "-".join([row.rule.__name__, *on, storage.name, loop])
                    yield pytest.param(row, switches, storage, loop, id=name)


def guarded(array: np.ndarray) -> np.ndarray:
    """A copy with NaN before and behind it, which no kernel may read or overwrite."""
    buffer = np.full(array.size + 16, np.nan, array.dtype)
    inner = buffer[8 : 8 + array.size].reshape(array.shape)
    inner[...] = array
    return inner


def assert_guarded(array: np.ndarray) -> None:
    buffer = array.base
    assert buffer is not None
    assert np.isnan(buffer[:8]).all()
    assert np.isnan(buffer[-8:]).all()


def inputs(row: Row, storage: Storage, loop: str) -> tuple[list[np.ndarray], np.ndarray, np.ndarray | None]:
    """States, a gradient and indices, with what is special in some of their places."""
    rng = np.random.default_rng(5)
    states = []
    for number, name in enumerate(row.states):
        dtype = reference.DTYPES[storage.others if number else storage.var]
        states.append(reference.numbers(rng, SHAPE, dtype, positive=name in row.positive))
    count = ROWS if loop == "dense" else 29
    grad = reference.numbers(rng, (count, SHAPE[1]), reference.DTYPES[storage.grad])
    indices = None if loop == "dense" else rng.integers(0, ROWS, count)
    if indices is not None:
        indices[[1, 7, 8, 20]] = 9
    grad[3, 0], grad[4, 1], grad[4, 2] = np.nan, np.inf, -np.inf
    grad[5, :3] = 0.0, -0.0, np.finfo(np.float16).tiny / 8
    for number, state in enumerate(states):
        state[11, 0], state[11, 1 + number] = 0.0, np.nan
        state[12, number] = np.inf
        state[13, :2] = -0.0 if row.states[number] not in row.positive else 0.0
    # Nothing was ever seen here: 0/0 for a rule that divides by a root of it.
    zero = 13 if indices is None else 0
    grad[zero, :2] = 0.0
    if indices is not None:
        indices[zero] = 13
    return states, grad, indices


@pytest.mark.parametrize(("row", "switches", "storage", "loop"), list(table()))
@pytest.mark.usefixtures("split_small")
def test_rule(row: Row, switches: dict[str, bool], storage: Storage, loop: str) -> None:
    states, grad, indices = inputs(row, storage, loop)
    operator = fs.Operator(row.rule, **switches)
    rows = LOOPS[loop] or "touched"
    expected = reference.step(row.rule, states, grad, indices, rows, row.scalars, switches)
    exact = reference.step(row.rule, states, grad, indices, rows, row.scalars, switches, FLOAT64)
    # More threads than fit, and numbers of rows that no number of threads divides.
    for threads in (1, 2, 5, 100):
        fs.set_num_threads(threads)
        given, gradient = [guarded(state) for state in states], guarded(grad)
        operator(*given, gradient, indices, rows=rows, **row.scalars)
        for name, got, want in zip(row.states, given, expected, strict=True):
            reference.assert_same_bits(got, want, f"{name} with {threads} threads")
            assert_guarded(got)
        reference.assert_same_bits(gradient, grad, "the gradient")
        assert_guarded(gradient)
    for name, before, got, want in zip(row.states, states, given, exact, strict=True):
        assert_near(before, got, want, row.ulps, name)


def assert_near(before: np.ndarray, got: np.ndarray, exact: np.ndarray, ulps: float, name: str) -> None:
    """Bounds a result as the head of this file says."""
    assert exact.dtype == FLOAT64
    assert (np.isnan(got) == np.isnan(exact)).all(), name
    with np.errstate(all="ignore"):
        slack = ulps * 2.0**-24 * (np.abs(before.astype(FLOAT64)) + np.abs(exact)) + 2.0**-140
        low, high = ((exact + each).astype(got.dtype).astype(FLOAT64) for each in (-slack, slack))
    value = got.astype(FLOAT64)
    finite = np.isfinite(exact)
    assert (value[np.isinf(exact)] == exact[np.isinf(exact)]).all(), name
    outside = finite & ((value < low) | (value > high))
    assert not outside.any(), f"{name}: {value[outside]}, expected {exact[outside]}"


def test_every_rule_is_in_the_table() -> None:
    assert {row.rule.__name__ for row in RULES} >= set(fs.rules.__all__)
