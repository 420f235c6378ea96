"""States that are passed to a step: those that the switches leave unused may be left out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import fusedstep as fs
from tests import reference

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3, "beta1_power": 0.9, "beta2_power": 0.99}
ONE = np.ones((3, 2), np.float32)
GRAD = np.array([[0.5, -0.25], [0.0, 1.0], [2.0, -2.0]], np.float32)


def dense(rule: Callable[..., Any] | str, states: Any, **others: Any) -> Any:
    return fs.jax.dense_update(rule, ONE, states, GRAD, **others)


def sparse(rule: Callable[..., Any] | str, states: Any, **others: Any) -> Any:
    return fs.jax.sparse_update(rule, ONE, states, [0, 1, 2], GRAD, **others)


class Moments(NamedTuple):
    m: Any
    v: Any


class AllMoments(NamedTuple):
    m: Any
    v: Any
    vhat: Any


@pytest.mark.parametrize("step", [dense, sparse])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "given",
    [
        (ONE, ONE),
        [ONE, ONE],
        Moments(ONE, ONE),
        (ONE, ONE, None),
        [ONE, ONE, None],
        AllMoments(ONE, ONE, None),
        AllMoments(ONE, ONE, ONE),
    ],
    ids=lambda each: f"{type(each).__name__} of {len(each)}",
)
def test_states_come_back_in_the_structure_in_which_they_are_given(
    given: Any, compiled: bool, step: Callable[..., Any]
) -> None:
    def call(states: Any) -> Any:
        return step(fs.rules.torch_adam, states, **ADAM)

    var, states = (jax.jit(call) if compiled else call)(given)
    assert type(states) is type(given)
    assert jax.tree.structure(states) == jax.tree.structure(given)
    wanted, moments = step(fs.rules.torch_adam, (ONE, ONE, None), **ADAM)
    reference.assert_same_bits(var, wanted)
    for got, each in zip(states[:2], moments, strict=False):
        reference.assert_same_bits(got, each)
    if len(given) == 3 and given[2] is not None:
        reference.assert_same_bits(states[2], ONE)


# Which of four states a switch uses, and then how many may be given, with which of them.
SOME = """
def some(var, a, b, c, d, grad, *, lr, {switches}):
    {body}
    return var - lr * grad, a, b, c, d
"""


@pytest.mark.parametrize(
    ("used", "counts"),
    [
        ("b", {1: "b", 2: "ab", 3: "abc", 4: "abcd"}),
        ("bd", {2: "bd", 4: "abcd"}),
        ("ac", {2: "ac", 3: "abc", 4: "abcd"}),
        ("", {0: "", 1: "a", 2: "ab", 3: "abc", 4: "abcd"}),
        ("abcd", {4: "abcd"}),
    ],
)
@pytest.mark.parametrize("step", [dense, sparse])
def test_which_states_may_be_left_out(step: Callable[..., Any], used: str, counts: dict[int, str]) -> None:
    switches = ", ".join(f"use_{name}: bool = False" for name in "abcd")
    body = "\n    ".join(f"if use_{name}: {name} = {name} + {place} * grad" for place, name in enumerate("abcd", 1))
    rule = SOME.format(switches=switches, body=body)
    chosen = {f"use_{name}": True for name in used}
    for count in range(6):
        states = tuple(np.full_like(ONE, place) for place in range(count))
        if count not in counts:
            with pytest.raises(ValueError, match=f"some: states holds {count} arrays?, expected a, b, c, d"):
                step(rule, states, lr=0.5, **chosen)
            continue
        _, after = step(rule, states, lr=0.5, **chosen)
        for before, got, name in zip(states, after, counts[count], strict=True):
            change = ("abcd".index(name) + 1) * GRAD if name in used else 0
            reference.assert_same_bits(np.asarray(got), (before + change).astype(np.float32), name)


@pytest.mark.parametrize("step", [dense, sparse])
def test_states_that_are_in_use_are_required(step: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"states holds 1 arrays, expected m, v, vhat; .* leave vhat unused"):
        step(fs.rules.torch_adam, (ONE,), **ADAM)
    with pytest.raises(ValueError, match=r"states holds 2 arrays, expected m, v, vhat$"):
        step(fs.rules.torch_adam, (ONE, ONE), amsgrad=True, **ADAM)
    with pytest.raises(TypeError, match="torch_adam: v is None, expected an array"):
        step(fs.rules.torch_adam, (ONE, None), **ADAM)
    with pytest.raises(TypeError, match="torch_adam: states is of type dict, expected a tuple of m, v, vhat"):
        step(fs.rules.torch_adam, {"m": ONE, "v": ONE}, **ADAM)
    with pytest.raises(TypeError, match="torch_adam: vhat is of type str, expected an array, or None"):
        step(fs.rules.torch_adam, (ONE, ONE, "vhat"), **ADAM)
