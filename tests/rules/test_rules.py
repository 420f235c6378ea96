"""Every rule on every loop in every storage type, against the rule as it stands on NumPy arrays.

To test another rule, add one row to ``RULES``; its switches are found by themselves.

How results are bounded: in each type they must be, bit for bit, what the rule gives on NumPy arrays of the compute
type, rounded to nearest even once when stored (``reference.step``). Beside that, float32 and 16-bit results must be
near the rule in float64 on the same stored inputs: with ``slack`` = row.ulps * 2**-24 * (|before| + |exact|) + 2**-140,
the result lies between exact - slack and exact + slack, each rounded to the storage type.

Words that no library rounds correctly (``exp``, ``log``, ``power``) keep a rule from being compared bit for bit. Such a
row says how far a result may be from NumPy's: ``row.inexact`` takes the place of row.ulps, and 2**-53 that of 2**-24 in
float64. What is said here was measured, with as much again in reserve. Of scalars alone these words are evaluated in
float64, which float32 and 16-bit results do not show: ``inexact`` then holds for float64 only.
"""

import inspect
import itertools
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.words import (
    abs,
    ceil,
    clip,
    divide_or_zero,
    floor,
    isfinite,
    isinf,
    isnan,
    maximum,
    minimum,
    sign,
    sqrt,
    where,
)
from tests import reference
from tests.rules import test_rules_with_sums

FLOAT64 = np.dtype(np.float64)


@dataclass(frozen=True)
class Row:
    """A rule, and numbers that suit it.

    Attributes:
        rule: the rule.
        scalars: values that no 32-bit float holds exactly.
        positive: the states that are never negative.
        ulps: how far, in units in the last place of float32, arithmetic may lead from the float64 rule.
        inexact: the types that are not compared bit for bit, and how far they may be from NumPy, in units in the last
            place of the compute type.
        branches: other values of some scalars, with which the rule goes another way.
    """

    rule: Callable[..., Any]
    scalars: dict[str, float]
    positive: tuple[str, ...] = ()
    ulps: float = 4
    inexact: dict[str, float] = field(default_factory=dict)
    branches: tuple[dict[str, float], ...] = ()

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


def whole_numbers(var: Any, other: Any, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    """The words of whole numbers and of what is no number, and remainders."""
    step = where(isnan(grad), lr * 25 % 2, floor(grad))
    other = where(isfinite(grad) & ~isinf(other), other % grad, ceil(other))
    return clip(var, -step, 1 + lr) + step % 3, other


def momentum(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
    """A rule that compiles quickly, for what does not depend on the rule."""
    mean = beta * mean + (1 - beta) * grad
    return var - lr * mean, mean


ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-3}
POWERS = {"beta1_power": 0.729, "beta2_power": 0.997}
DECAY = {"weight_decay": 0.3}
PENALTIES = {"lr": 0.1, "l1": 0.3, "l2": 0.7}
MOVING = {"lr": 0.1, "momentum": 0.9}

# The last three are here for what rules are made of.
RULES = [
    Row(fs.rules.adam, ADAM | POWERS, positive=("v",)),
    Row(fs.rules.adam_delta, ADAM | POWERS, positive=("v",)),
    Row(fs.rules.amsgrad, ADAM | POWERS, positive=("v", "vhat")),
    Row(fs.rules.torch_adam, ADAM | POWERS | DECAY, positive=("v", "vhat")),
    Row(fs.rules.adamw, ADAM | POWERS | DECAY, positive=("v", "vhat")),
    Row(fs.rules.adam_weight_decay, ADAM | {"decay": 0.3}, positive=("v",)),
    Row(
        fs.rules.adam_weight_decay_by_norm,
        ADAM | {"decay": 0.3, "global_norm": 1.7},
        positive=("v",),
        branches=({"global_norm": 0.0}, {"global_norm": -0.1}),
    ),
    Row(fs.rules.adamax, ADAM | {"beta1_power": 0.729}, positive=("v",)),
    Row(fs.rules.torch_adamax, ADAM | {"beta1_power": 0.729} | DECAY, positive=("v",)),
    Row(
        fs.rules.nadam,
        ADAM | {"mu": 0.45, "mu_next": 0.46, "mu_product": 0.09, "beta2_power": 0.997} | DECAY,
        positive=("v",),
    ),
    Row(
        fs.rules.radam,
        ADAM | {"beta2": 0.9, "step": 7.0} | DECAY,
        positive=("v",),
        inexact={"float64": 8},
        branches=({"step": 3.0}, {"beta2": 0.6}),
    ),
    Row(fs.rules.optax_adam, ADAM | POWERS | DECAY | {"epsilon_root": 0.02}, positive=("v", "vhat")),
    Row(
        fs.rules.optax_radam,
        ADAM | {"beta2": 0.9, "step": 7.0, "epsilon_root": 0.02, "beta1_power": 0.478, "beta2_power": 0.478},
        positive=("v",),
        branches=({"step": 3.0, "beta2_power": 0.729}, {"beta2": 0.6}),
    ),
    # The large epsilon keeps the variance, a difference, from cancelling in float32.
    Row(
        fs.rules.optax_rmsprop,
        {"lr": 0.1, "rho": 0.9, "momentum": 0.7, "epsilon": 10.1, "rho_power": 0.729},
        positive=("mean_square",),
    ),
    Row(fs.rules.adagrad, {"lr": 0.1, "epsilon": 0.01}, positive=("accum",), branches=({"epsilon": 0.0},)),
    Row(fs.rules.torch_adagrad, {"lr": 0.1, "epsilon": 0.01} | DECAY, positive=("accum",)),
    Row(
        fs.rules.adagrad_da,
        PENALTIES | {"global_step": 3.0},
        positive=("gradient_squared_accumulator",),
        branches=({"l1": 0.0}, {"l2": 0.0}),
    ),
    Row(fs.rules.proximal_adagrad, PENALTIES, positive=("accum",), ulps=6),
    Row(fs.rules.adadelta, {"lr": 0.1, "rho": 0.9, "epsilon": 0.01}, positive=("accum", "accum_update")),
    Row(
        fs.rules.torch_adadelta,
        {"lr": 0.1, "rho": 0.9, "epsilon": 0.01} | DECAY,
        positive=("accum", "accum_update"),
    ),
    Row(
        fs.rules.ftrl,
        PENALTIES | {"lr": 0.7, "lr_power": -0.6, "l2_shrinkage": 0.2},
        positive=("accum",),
        ulps=20,
        inexact=dict.fromkeys(reference.DTYPES, 20),
        branches=({"lr_power": -0.5, "l2": 0.0, "l2_shrinkage": 0.0}, {"lr_power": 0.0}, {"l1": 0.0}),
    ),
    Row(
        fs.rules.ftrl_proximal,
        PENALTIES | {"lr": 0.7, "lr_power": -0.6, "beta": 0.9},
        positive=("accum",),
        ulps=20,
        inexact=dict.fromkeys(reference.DTYPES, 20),
        branches=({"lr_power": -0.5, "l2": 0.0, "beta": 0.0}, {"lr_power": 0.0}, {"l1": 0.0}),
    ),
    Row(fs.rules.gradient_descent, {"lr": 0.1}),
    Row(fs.rules.proximal_gradient_descent, PENALTIES),
    Row(fs.rules.momentum, MOVING | {"gradient_scale": 0.7}),
    Row(fs.rules.keras_momentum, MOVING, ulps=6),
    Row(fs.rules.sgd, MOVING | {"dampening": 0.3} | DECAY, branches=({"momentum": 0.0},)),
    Row(fs.rules.torch_sgd, MOVING | {"dampening": 0.3} | DECAY),
    Row(fs.rules.weight_scale_momentum, MOVING | {"loss_scale": 0.7} | DECAY),
    Row(fs.rules.rmsprop, MOVING | {"rho": 0.8, "epsilon": 0.01}, positive=("mean_square",)),
    # The large epsilon keeps the variance, a difference, from cancelling in float32.
    Row(fs.rules.centered_rmsprop, MOVING | {"rho": 0.8, "epsilon": 10.1}, positive=("mean_square",), ulps=6),
    Row(fs.rules.torch_rmsprop, MOVING | {"alpha": 0.8, "epsilon": 0.1} | DECAY, positive=("square_avg",), ulps=24),
    Row(fs.rules.add_sign, {"lr": 0.1, "alpha": 1.1, "sign_decay": 0.7, "beta": 0.9}),
    Row(
        fs.rules.power_sign,
        {"lr": 0.1, "logbase": 1.1, "sign_decay": 0.7, "beta": 0.9},
        inexact={"float64": 8},
    ),
    Row(fs.rules.lion, {"lr": 0.1, "beta1": 0.9, "beta2": 0.99} | DECAY),
    Row(
        fs.rules.lamb_direction,
        {"beta1": 0.9, "sub1": 0.1, "beta2": 0.9, "sub2": 0.1, "epsilon": 1e-3, "steps": 3.0, "decay_flag": 1.0}
        | DECAY,
        positive=("v",),
        ulps=48,
        inexact={"float64": 8},
        branches=({"decay_flag": 0.0},),
    ),
    # NumPy does not know that norms are scalars: their ratio must be exact to be rounded as in a kernel.
    Row(fs.rules.lamb_step, {"lr": 0.1, "w_norm": 3.0, "g_norm": 1.5}, branches=({"w_norm": 0.0}, {"g_norm": 0.0})),
    Row(
        fs.rules.lars_gradient,
        {"norm_weight": 4.0, "norm_gradient": 2.25, "weight_decay": 0.25, "epsilon": 0.0}
        | {"learning_rate": 0.5, "hyperpara": 0.1},
        branches=({"hyperpara": 0.7},),
    ),
    Row(exact_words, {"lr": 0.1}, ulps=6),
    Row(whole_numbers, {"lr": 0.1}),
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


def tells_apart(storage: Storage, loop: str, first: bool) -> bool:
    """Whether a kernel is worth the seconds of compiling it in every run, for a rule that is not the cheap one.

    What a rule can spoil is translation into each compute type, what a compiler makes of it in a loop over plain memory
    and in one over rows, and the loads and stores of its states. Mixtures of types and the ways through a loop do not
    depend on the rule: the cheap rule goes through all of them. With other switches what is translated comes once in
    float64, and once by rows in 16 bits. All the rest is for ``make test-long``.
    """
    defaults = {"dense": ("float64", "float32", "float16"), "touched": ("float64", "bfloat16"), "every": ("float32",)}
    switched = {"dense": ("float64",), "touched": ("bfloat16",), "every": ()}
    return not storage.mixed and storage.var in (defaults if first else switched)[loop]


def table() -> Iterator[Any]:
    """Every rule and setting of its switches in every storage type, densely and by rows."""
    for row in RULES:
        for number, switches in enumerate(row.settings):
            for storage, loop in itertools.product(STORAGES, LOOPS):
                short = row.rule is momentum or tells_apart(storage, loop, not number)
                on = [name for name, value in switches.items() if value != row.settings[0][name]]
                name = "-".join([row.rule.__name__, *on, storage.name, loop])
                yield pytest.param(row, switches, storage, loop, id=name, marks=() if short else pytest.mark.long)


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
        state[11, 0], state[11, (1 + number) % SHAPE[1]] = 0.0, np.nan
        state[12, number % SHAPE[1]] = np.inf
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
    for branch in ({}, *row.branches):
        scalars = row.scalars | branch
        # What is bounded must not be rounded to the storage type first.
        unrounded = reference.compute_type(states[0]) if storage.var in row.inexact else None
        expected = reference.step(row.rule, states, grad, indices, rows, scalars, switches, unrounded)
        exact = reference.step(row.rule, states, grad, indices, rows, scalars, switches, FLOAT64)
        # More threads than fit, and numbers of rows that no number of threads divides.
        for threads in (1, 2, 5, 100):
            fs.set_num_threads(threads)
            given, gradient = [guarded(state) for state in states], guarded(grad)
            operator(*given, gradient, indices, rows=rows, **scalars)
            for name, before, got, want in zip(row.states, states, given, expected, strict=True):
                what = f"{name} with {threads} threads, {branch}"
                if unrounded:
                    unit = 2.0 ** (-53 if storage.var == "float64" else -24)
                    assert_near(before, got, want.astype(FLOAT64), row.inexact[storage.var] * unit, what)
                else:
                    reference.assert_same_bits(got, want, what)
                assert_guarded(got)
            reference.assert_same_bits(gradient, grad, "the gradient")
            assert_guarded(gradient)
        for name, before, got, want in zip(row.states, states, given, exact, strict=True):
            assert_near(before, got, want, row.ulps * 2.0**-24, f"{name}, {branch}")


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("rule", [exact_words, fs.rules.rowwise_adagrad, fs.rules.lars])
def test_uphill_is_downhill_with_the_opposite_gradient(rule: Callable[..., Any], loop: str) -> None:
    rng = np.random.default_rng(6)
    operator, opposite = fs.Operator(rule, maximize=True), fs.Operator(rule)
    signature = operator.signature
    states = [np.abs(rng.standard_normal(SHAPE[: 1 if name in signature.per_row else 2])) for name in signature.states]
    scalars = dict.fromkeys(signature.scalars, 0.1)
    grad, indices = rng.standard_normal(SHAPE), rng.integers(0, ROWS, ROWS) if loop != "dense" else None
    if rule is fs.rules.lars and indices is not None:
        pytest.skip("its sums reach beyond a row")
    expected, given = [state.copy() for state in states], [state.copy() for state in states]
    opposite(*expected, -grad, indices, rows=LOOPS[loop] or "touched", **scalars)
    operator(*given, grad, indices, rows=LOOPS[loop] or "touched", **scalars)
    for got, want in zip(given, expected, strict=True):
        reference.assert_same_bits(got, want)
    assert dict(pickle.loads(pickle.dumps(operator)).switches)["maximize"]  # noqa: S301 - our own


def assert_near(before: np.ndarray, got: np.ndarray, exact: np.ndarray, relative: float, name: str) -> None:
    """Bounds a result as the head of this file says."""
    assert exact.dtype == FLOAT64
    assert (np.isnan(got) == np.isnan(exact)).all(), name
    with np.errstate(all="ignore"):
        slack = relative * (np.abs(before.astype(FLOAT64)) + np.abs(exact)) + 2.0**-140
        low, high = ((exact + each).astype(got.dtype).astype(FLOAT64) for each in (-slack, slack))
    value = got.astype(FLOAT64)
    finite = np.isfinite(exact)
    assert (value[np.isinf(exact)] == exact[np.isinf(exact)]).all(), name
    outside = finite & ((value < low) | (value > high))
    assert not outside.any(), f"{name}: {value[outside]}, expected {exact[outside]}"


def test_every_rule_is_in_the_table() -> None:
    assert {row.rule.__name__ for row in (*RULES, *test_rules_with_sums.ROWS)} >= set(fs.rules.__all__)
