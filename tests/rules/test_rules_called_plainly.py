"""A rule with states by row or by column as a plain function, and its operators on every kind of array: one and the
same call is right for all of them, or is refused."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.words import PerColumn, PerRow, column_sum, per_column, per_row, row_sum


def by_row_and_column(var: Any, row: PerRow, column: PerColumn, grad: Any) -> tuple[Any, Any, Any]:
    row, column = per_row(row, var) + row_sum(grad), per_column(column, var) + column_sum(grad)
    return var - grad * row - column, row, column


SCALARS = {
    "rowwise_adagrad": {"lr": 0.1, "epsilon": 1e-3},
    "adam_rowwise_bias_correction": {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3},
    "adafactor": {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon1": 1e-3, "epsilon2": 1e-3, "clip_threshold": 1.0},
    "by_row_and_column": {},
}
REDUCED = [
    rule
    for rule in (*(getattr(fs.rules, name) for name in fs.rules.__all__), by_row_and_column)
    if (signature := fs.Operator(rule).signature).per_row or signature.per_column
]
BY_NAME = [pytest.param(rule, id=rule.__name__) for rule in REDUCED]
SHAPES = [(3, 5), (4, 4), (1, 1), (1, 5), (5, 1)]


def states_of(rule: Callable[..., Any], shape: tuple[int, ...]) -> tuple[list[np.ndarray | None], np.ndarray]:
    """States, those by row and by column with an axis of length 1, and a gradient."""
    signature, rng = fs.Operator(rule).signature, np.random.default_rng(4)
    states: list[np.ndarray | None] = []
    for name, kind in zip(signature.states, fs.Operator(rule).spec.kinds, strict=True):
        own = list(shape)
        if name in signature.per_row:
            own[-1] = 1
        elif name in signature.per_column:
            own[-2] = 1
        states.append(rng.random(own) + 1.0 if kind else None)
    return states, rng.random(shape) + 0.1


def assert_near(got: Any, expected: Any) -> None:
    for each, wanted in zip(got, expected, strict=True):
        if each is not None:
            assert np.shape(each) == np.shape(wanted)
            np.testing.assert_allclose(each, wanted, rtol=1e-12)


def test_every_rule_of_the_kind_is_here() -> None:
    assert {rule.__name__ for rule in REDUCED} == SCALARS.keys()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("rule", BY_NAME)
def test_one_call_is_right_for_the_function_and_the_operator(rule: Any, shape: tuple[int, ...]) -> None:
    states, grad = states_of(rule, shape)
    scalars = SCALARS[rule.__name__]
    expected = rule(*states, grad, **scalars)
    copies = [None if each is None else each.copy() for each in states]
    fs.Operator(rule)(*copies, grad, **scalars)
    assert_near(copies, expected)


@pytest.mark.parametrize("rule", [each for each in BY_NAME if fs.Operator(each.values[0]).signature.per_column])
def test_one_call_is_right_for_matrices(rule: Any) -> None:
    for shape in [(2, 3, 3), (3, 3, 3), (2, 1, 3, 2)]:
        test_one_call_is_right_for_the_function_and_the_operator(rule, shape)


@pytest.mark.parametrize("rule", BY_NAME)
def test_one_call_is_right_for_tensors(rule: Any) -> None:
    torch = pytest.importorskip("torch")
    states, grad = states_of(rule, (4, 4))
    expected = rule(*states, grad, **SCALARS[rule.__name__])
    tensors = [None if each is None else torch.tensor(each) for each in states]
    fs.Operator(rule)(*tensors, torch.tensor(grad), **SCALARS[rule.__name__])
    assert_near([None if each is None else each.numpy() for each in tensors], expected)


@pytest.mark.parametrize("rule", BY_NAME)
def test_one_call_is_right_for_jax(rule: Any) -> None:
    jax = pytest.importorskip("jax")
    states, grad = states_of(rule, (4, 4))
    expected = rule(*states, grad, **SCALARS[rule.__name__])
    with jax.enable_x64(True):
        var, others = fs.jax.dense_update(rule, states[0], tuple(states[1:]), grad, **SCALARS[rule.__name__])
    assert_near([var, *others], expected)


@pytest.mark.parametrize("rule", [each for each in BY_NAME if not fs.Operator(each.values[0]).signature.per_column])
def test_one_call_is_right_for_rows(rule: Any) -> None:
    states, grad = states_of(rule, (4, 4))
    scalars, named = SCALARS[rule.__name__], np.array([2, 0])
    touched = [each[named] for each in states if each is not None]
    expected = rule(*touched, grad[named], **scalars)
    whole = [each.copy() for each in states if each is not None]
    fs.Operator(rule)(*whole, grad[named], named, **scalars)
    assert_near([each[named] for each in whole], expected)
    deferred = [each.copy() for each in states if each is not None]
    fs.DeferredRows(rule, *deferred).step(grad[named], named, **scalars)
    assert_near([each[named] for each in deferred], expected)


@pytest.mark.parametrize("shape", [(3, 5), (4, 4)], ids=str)
@pytest.mark.parametrize("rule", BY_NAME)
def test_a_state_without_its_axis_is_refused_by_the_function(rule: Any, shape: tuple[int, ...]) -> None:
    signature = fs.Operator(rule).signature
    for name in signature.per_row | signature.per_column:
        states, grad = states_of(rule, shape)
        place = signature.states.index(name)
        given = states[place]
        assert given is not None
        axis = -1 if name in signature.per_row else -2
        states[place] = given.reshape(given.size)
        expected = f"the state has shape {(given.size,)}, expected {given.shape} .* pass np.expand_dims(state, {axis})"
        with pytest.raises(ValueError, match=re.escape(expected).replace(r"\ \.\*\ ", " .* ")):
            rule(*states, grad, **SCALARS[rule.__name__])
        # The operator knows from the annotation what it holds.
        fs.Operator(rule)(*states, grad, **SCALARS[rule.__name__])


@pytest.mark.parametrize("rule", BY_NAME)
def test_both_refuse_one_dimension(rule: Any) -> None:
    states, grad = states_of(rule, (1, 4))
    line = [None if each is None else each.reshape(-1) for each in states]
    for called in (rule, fs.Operator(rule)):
        with pytest.raises(ValueError, match="two dimensions"):
            called(*line, grad[0], **SCALARS[rule.__name__])


def test_the_words_are_for_states_that_the_signature_annotates() -> None:
    def bare(var: Any, state: Any, grad: Any) -> tuple[Any, Any]:
        return var - grad, per_row(state, var) + grad

    with pytest.raises(
        TypeError, match=r"rule bare: .*per_row\(\) is for a state that the signature annotates: PerRow"
    ):
        fs.Operator(bare)(np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2)))
