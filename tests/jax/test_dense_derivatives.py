"""Derivatives through a step of every rule: by scalars, states and gradients, also where these are 0."""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep import words
from tests.rules import test_rules, test_rules_with_sums

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

SHAPE = (5, 3)
# For each of the first rows: whether the other states, the variable and the gradient are 0.
ZEROS = [(False, False, True), (True, False, True), (True, True, True), (True, False, False)]
Case = tuple[Any, list[dict[str, float]], dict[str, bool]]


def cases() -> Iterator[Any]:
    """Every rule and setting of its switches, with scalars for each branch; in each run the default setting."""
    for row in test_rules.RULES:
        branches = [{}, *([{"lr": 0.0}] if "lr" in row.scalars else []), *row.branches]
        for number, switches in enumerate(row.settings):
            name = "-".join([row.rule.__name__, *(name for name, on in switches.items() if on)])
            marks = pytest.mark.long if number else ()
            yield pytest.param((row.rule, [row.scalars | each for each in branches], switches), id=name, marks=marks)
    for number, each in enumerate(test_rules_with_sums.ROWS):
        yield pytest.param((each.rule, [each.scalars], each.switches), id=f"{each.name}-{number}")


def arrays(case: Case, dtype: str, zeros: list[tuple[bool, bool, bool]]) -> tuple[list[Any], np.ndarray]:
    """States and a gradient with zeros."""
    rule, _, switches = case
    operator, rng = fs.Operator(rule, **switches), np.random.default_rng(7)
    states: list[Any] = []
    for number, kind in enumerate(operator.spec.kinds):
        own = {"row": (SHAPE[0], 1), "column": (1, SHAPE[1])}.get(kind, SHAPE)
        drawn = np.abs(rng.standard_normal(own)) + 0.1 if number else rng.standard_normal(own)
        for place, (others, var, _) in enumerate(zeros):
            if kind != "column" and (others if number else var):
                drawn[place] = 0
        states.append(drawn.astype(dtype) if kind else None)
    grad = rng.standard_normal(SHAPE)
    grad[[place for place, (*_, is_zero) in enumerate(zeros) if is_zero]] = 0
    return states, grad.astype(dtype)


def step(case: Case, scalars: Any, states: Any, grad: Any) -> list[Any]:
    """The new states in use."""
    rule, _, switches = case
    var, others = fs.jax.dense_update(rule, states[0], states[1:], grad, **scalars, **switches)
    return [each for each in (var, *others) if each is not None]


def total(case: Case, scalars: Any, states: Any, grad: Any) -> Any:
    """The sum of all finite numbers in the new states."""
    new = step(case, scalars, states, grad)
    return sum(jax.numpy.sum(jax.numpy.where(jax.numpy.isfinite(each), each, 0)) for each in new)


@pytest.mark.parametrize("case", list(cases()))
def test_derivatives_are_finite_where_gradients_and_states_are_0(case: Case) -> None:
    derived = jax.jit(jax.grad(partial(total, case), argnums=(0, 1, 2)))
    for scalars, zeros in itertools.product(case[1], (ZEROS, [(True, True, True)] * SHAPE[0])):
        numbers = {name: np.float32(value) for name, value in scalars.items()}
        for path, each in jax.tree_util.tree_leaves_with_path(derived(numbers, *arrays(case, "float32", zeros))):
            assert np.isfinite(each).all(), f"{jax.tree_util.keystr(path)} is {each} with {scalars}"


def test_derivatives_of_a_compiled_step_with_scalars_in_float64() -> None:
    # JAX takes these derivatives when float64 is off again.
    case = next(each.values[0] for each in cases() if each.values[0][0] is fs.rules.radam)
    given = ({name: np.float32(value) for name, value in case[1][0].items()}, *arrays(case, "float32", ZEROS))
    inside = jax.jit(jax.grad(partial(total, case)))(*given)
    outside = jax.grad(jax.jit(partial(total, case)))(*given)
    for name, each in inside.items():
        np.testing.assert_allclose(outside[name], each, rtol=1e-4, err_msg=name)


def differences(case: Case, name: str, states: list[Any], grad: np.ndarray) -> list[np.ndarray]:
    """The difference quotients of the rule on NumPy arrays by a scalar."""
    rule, (scalars, *_), switches = case
    with np.errstate(all="ignore"):
        low, high = (rule(*states, grad, **scalars | {name: scalars[name] + by}, **switches) for by in (-1e-6, 1e-6))
    if len(states) == 1:
        low, high = (low,), (high,)
    return [
        np.broadcast_to((np.asarray(after) - np.asarray(before)) / 2e-6, state.shape)
        for state, before, after in zip(states, low, high, strict=True)
        if state is not None
    ]


# Rules with every differentiable word, with sums over rows, columns and tensors, and with powers and roots of scalars.
SOME = (fs.rules.radam, fs.rules.ftrl, fs.rules.power_sign, fs.rules.proximal_adagrad, test_rules.exact_words)
SOME += (fs.rules.rowwise_adagrad, fs.rules.lamb, fs.rules.lars_gradient, test_rules_with_sums.everything)


def by_scalars() -> Iterator[Any]:
    """The cases; in each run of some rules."""
    for each in cases():
        short = not each.marks and each.values[0][0] in SOME
        yield pytest.param(*each.values, id=each.id, marks=() if short else pytest.mark.long)


@pytest.mark.parametrize("case", list(by_scalars()))
def test_derivatives_by_scalars_are_those_of_the_rule(case: Case) -> None:
    states, grad = arrays(case, "float64", ZEROS)
    with jax.enable_x64(True):
        scalars = {name: np.float64(value) for name, value in case[1][0].items()}
        found = jax.jit(jax.jacfwd(lambda scalars: step(case, scalars, states, grad)))(scalars)
        # A rule may take another branch on each side of 0, and differences are useless for tiny numbers.
        for name in (name for name, value in scalars.items() if abs(value) > 1e-5):
            for got, want in zip(found, differences(case, name, states, grad), strict=True):
                finite = np.isfinite(want)
                assert finite.any()
                np.testing.assert_allclose(got[name][finite], want[finite], rtol=1e-6, atol=1e-7, err_msg=f"by {name}")


def guarding(var: Any, grad: Any, *, lr: Any, low: Any) -> Any:
    """A rule that computes invalid numbers in branches that it does not take."""
    root = words.where(grad < 0, 0, words.sqrt(grad)) + words.where(grad <= 0, 0, words.log(grad))
    ratio = words.where(grad == 0, 0, lr / grad) + words.where(grad <= 0, 0, words.power(grad, -low))
    large = words.where(grad > 9, 1, words.exp(grad * 100)) + words.where(grad <= 0, 0, words.power(grad, 0.3))
    whole = words.where(grad == 0, 0, lr % grad + grad % grad) + words.where(
        words.isnan(1 / grad), 1, words.floor(grad)
    )
    near = words.clip(words.tanh(grad * 100), -low, low) + words.tanh(grad)
    return var - lr * (root + ratio + large + whole + near + words.divide_or_zero(low, grad))


def after_guarding(var: Any, scalars: Any, grad: Any) -> Any:
    return fs.jax.dense_update(guarding, var, (), grad, **scalars)[0].sum()


def test_branches_that_are_not_taken_do_not_affect_derivatives() -> None:
    grad = np.array([0.0, -0.0, -1.0, 10.0], np.float32)
    scalars = {"lr": np.float32(0.5), "low": np.float32(0.25)}
    loss = partial(after_guarding, np.zeros(4, np.float32))

    # Also of a compiled step, where float64 is off again.
    first = jax.grad(jax.jit(loss), (0, 1))(scalars, grad)
    second = jax.jit(jax.hessian(loss, (0, 1)))(scalars, grad)
    assert all(np.isfinite(each).all() for each in jax.tree.leaves((first, second)))


@pytest.mark.parametrize("name", ["torch_adam", "adam"])
def test_a_learning_rate_is_learned_by_its_derivative(name: str) -> None:
    params = jax.numpy.array([1.0, -2.0])

    def after(lr: Any) -> Any:
        optimizer = getattr(fs.jax, name)(lr=lr, beta1=0.9, beta2=0.999, epsilon=1e-8)

        def body(carry: Any, _: Any) -> tuple[Any, None]:
            params, state = carry
            # The second parameter never has a gradient.
            updates, state = optimizer.update(params * np.array([1.0, 0.0], np.float32), state, params)
            return (params + updates, state), None

        (params_after, _), _ = jax.lax.scan(body, (params, optimizer.init(params)), None, length=3)
        return (params_after**2).sum()

    slope = jax.grad(after)(0.01)
    wanted = (after(0.011) - after(0.009)) / 0.002
    assert abs(slope - wanted) < 1e-2 * abs(wanted)
