"""Every rule on JAX arrays, compared with the rule on NumPy arrays.

The rows are those of ``test_rules`` and ``test_rules_with_sums``, with their bounds. Outside ``jax.jit`` XLA runs
operation by operation, and results must be NumPy's bit for bit where kernels' are. Inside it XLA contracts products and
sums, and results must be near the float64 rule. XLA's sums run in the compute type.
"""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep import words
from tests import reference
from tests.rules import test_rules, test_rules_with_sums

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

FLOAT64 = np.dtype(np.float64)
STORAGES = ("float64", "float32", "bfloat16", "float16")
NUMBER = 0.25


def elementwise() -> Iterator[Any]:
    """Every rule, setting of its switches and type; in each run one type for each compute type."""
    for row in test_rules.RULES:
        for switches, storage in itertools.product(row.settings, STORAGES):
            on = [name for name, value in switches.items() if value != row.settings[0][name]]
            short = storage in ("float64", "float32") if not on else storage == "float64"
            short = short or row.rule in (test_rules.momentum, test_rules.exact_words)
            name = "-".join([row.rule.__name__, *on, storage])
            yield pytest.param(row, switches, storage, id=name, marks=() if short else pytest.mark.long)


@pytest.mark.parametrize(("row", "switches", "storage"), list(elementwise()))
def test_rule(row: test_rules.Row, switches: dict[str, bool], storage: str) -> None:
    states, grad, _ = test_rules.inputs(row, test_rules.Storage(storage, storage, storage), "dense")
    for branch in ({}, *row.branches):
        scalars = row.scalars | branch
        unrounded = reference.compute_type(states[0]) if storage in row.inexact else None
        expected = reference.step(row.rule, states, grad, None, "touched", scalars, switches, unrounded)
        with jax.enable_x64(storage == "float64"):
            var, others = fs.jax.dense_update(row.rule, states[0], states[1:], grad, **scalars, **switches)
        for name, before, got, want in zip(row.states, states, (var, *others), expected, strict=True):
            if unrounded:
                unit = 2.0 ** (-53 if storage == "float64" else -24)
                exact = want.astype(FLOAT64)
                test_rules.assert_near(before, np.asarray(got), exact, row.inexact[storage] * unit, f"{name}, {branch}")
            else:
                reference.assert_same_bits(got, want, f"{name}, {branch}")


def compiled() -> Iterator[Any]:
    """Every rule and setting of its switches; in each run with the default one."""
    for row in test_rules.RULES:
        for number, switches in enumerate(row.settings):
            marks = pytest.mark.long if number else ()
            on = [name for name, value in switches.items() if value != row.settings[0][name]]
            yield pytest.param(row, switches, id="-".join([row.rule.__name__, *on]), marks=marks)


@pytest.mark.parametrize(("row", "switches"), list(compiled()))
def test_rule_under_jit_with_traced_scalars(row: test_rules.Row, switches: dict[str, bool]) -> None:
    states, grad, _ = test_rules.inputs(row, test_rules.Storage("float32", "float32", "float32"), "dense")

    @jax.jit
    def step(states: list[Any], grad: Any, scalars: dict[str, Any]) -> tuple[Any, ...]:
        var, others = fs.jax.dense_update(row.rule, states[0], states[1:], grad, **scalars, **switches)
        return var, *others

    for branch in ({}, *row.branches):
        scalars = {name: np.float32(value) for name, value in (row.scalars | branch).items()}
        exact = reference.step(row.rule, states, grad, None, "touched", scalars, switches, FLOAT64)
        for name, before, got, want in zip(row.states, states, step(states, grad, scalars), exact, strict=True):
            test_rules.assert_near(before, np.asarray(got), want, row.ulps * 2.0**-24, f"{name}, {branch}")


# Rules with sums by row, over the tensor, and by row and column.
ODD = (fs.rules.rowwise_adagrad, fs.rules.lamb, fs.rules.adafactor)


def reducing() -> Iterator[Any]:
    """Every rule with sums, in several types and shapes; in each run odd shapes in one type."""
    types = [("float64", "float64"), ("float32", "float32"), ("bfloat16", "float32"), ("float16", "float16")]
    for number, row in enumerate(test_rules_with_sums.ROWS):
        odd = [(1, 1), (0, 4), (5, 0)] + ([(3, 2, 67)] if fs.Operator(row.rule).spec.matrices else [])
        for mixture, (kind, shapes) in itertools.product(types, {"plain": [(37, 5)], "odd": odd}.items()):
            short = mixture in types[:2] if kind == "plain" else mixture == types[1] and row.rule in ODD
            marks = () if short or row is test_rules_with_sums.ROWS[-2] else pytest.mark.long
            yield pytest.param(row, mixture, shapes, id="-".join([row.name, *mixture, kind, str(number)]), marks=marks)


@pytest.mark.parametrize(("row", "types", "shapes"), list(reducing()))
def test_rule_with_sums(row: test_rules_with_sums.Row, types: tuple[str, str], shapes: list[tuple[int, ...]]) -> None:
    dtypes = (reference.DTYPES[types[0]], reference.DTYPES[types[1]])
    for shape in shapes:
        states, grad = test_rules_with_sums.inputs(row, shape, dtypes)
        exact = test_rules_with_sums.expected(row, states, grad) if grad.size else states
        step = partial(fs.jax.dense_update, row.rule, **row.scalars, **row.switches)
        with jax.enable_x64(types[0] == "float64"):
            run = jax.jit(step) if shape == (37, 5) else step
            var, others = run(states[0], tuple(states[1:]), grad)
        for before, got, want in zip(states, (var, *others), exact, strict=True):
            if before is None or want is None:
                assert got is None
                continue
            assert got.dtype == before.dtype
            assert got.shape == before.shape
            test_rules_with_sums.assert_near(np.asarray(got), want, before, row.ulps, f"{row.name} {types} {shape}")


def of_scalars(var: Any, grad: Any, *, lr: Any, low: Any) -> Any:
    chosen = words.where((lr != 0) & (lr > low), words.divide_or_zero(1 - lr, lr), words.power(lr, low))
    return var + words.where(lr > low, 1, 0) * chosen + (lr > 0)


@pytest.mark.parametrize("scalars", [{"lr": 0.999, "low": 0.5}, {"lr": 0.0, "low": 2.0}, {"lr": 0.25, "low": 0.5}])
def test_scalars_alone_are_float64_known_and_traced(scalars: dict[str, float]) -> None:
    zero = np.zeros(3, np.float32)
    with np.errstate(all="ignore"):
        want = np.float32(
            of_scalars(0.0, 0.0, **{name: np.float64(np.float32(each)) for name, each in scalars.items()})
        )
    traced = {name: np.float32(each) for name, each in scalars.items()}
    step = partial(fs.jax.dense_update, of_scalars)
    for run in (step, jax.jit(step)):
        got, _ = run(zero, (), zero, **traced)
        assert got.tolist() == [want] * 3
    with np.errstate(all="ignore"):
        exact = np.float32(of_scalars(0.0, 0.0, **{name: np.float64(each) for name, each in scalars.items()}))
    assert step(zero, (), zero, **scalars)[0].tolist() == [exact] * 3


def complement(var: Any, grad: Any, *, beta: Any) -> Any:
    return var + (1 - beta) * grad


def test_a_traced_complement_is_rounded_once() -> None:
    one, zero, beta = np.ones(1, np.float32), np.zeros(1, np.float32), np.float32(0.999)

    def body(carry: Any, _: Any) -> tuple[Any, Any]:
        return carry, fs.jax.dense_update(complement, zero, (), one, beta=carry)[0][0]

    found = jax.jit(lambda beta: jax.lax.scan(body, beta, None, length=2)[1])(beta)
    assert found.tolist() == [np.float32(1 - np.float64(beta))] * 2


def by_a_global(var: Any, grad: Any) -> Any:
    return var - NUMBER * grad


def test_global_constants_are_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    one = np.ones(2, np.float32)
    assert fs.jax.dense_update(by_a_global, one, (), one)[0].tolist() == [0.75, 0.75]
    monkeypatch.setattr(f"{__name__}.NUMBER", 0.5)
    assert fs.jax.dense_update(by_a_global, one, (), one)[0].tolist() == [0.5, 0.5]


def test_maximize_is_a_step_with_the_opposite_gradient() -> None:
    states = (np.ones((3, 2), np.float32), np.ones(3, np.float32))
    grad = np.linspace(-1, 1, 6, dtype=np.float32).reshape(3, 2)
    scalars = {"lr": 0.1, "epsilon": 0.1}
    up = fs.jax.dense_update(fs.rules.rowwise_adagrad, states[0], states[1:], grad, maximize=True, **scalars)
    down = fs.jax.dense_update(fs.rules.rowwise_adagrad, states[0], states[1:], -grad, **scalars)
    jax.tree.map(reference.assert_same_bits, up, down)


def test_rows_are_along_the_first_dimension() -> None:
    rng = np.random.default_rng(1)
    var, grad = (rng.standard_normal((4, 3, 2)).astype(np.float32) for _ in range(2))
    accum, scalars = np.ones(4, np.float32), {"lr": 0.1, "epsilon": 0.1}
    high, (one,) = fs.jax.dense_update(fs.rules.rowwise_adagrad, var, (accum,), grad, **scalars)
    flat, (other,) = fs.jax.dense_update(
        fs.rules.rowwise_adagrad, var.reshape(4, 6), (accum[:, None],), grad.reshape(4, 6), **scalars
    )
    reference.assert_same_bits(np.asarray(high).reshape(4, 6), flat)
    reference.assert_same_bits(one, np.asarray(other)[:, 0])
    single, (number,) = fs.jax.dense_update(
        fs.rules.rowwise_adagrad, var[0, 0, 0], (accum[0],), grad[0, 0, 0], **scalars
    )
    assert single.shape == number.shape == ()
