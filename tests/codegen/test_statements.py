"""Choices by scalars, loops over constants, conditions joined as in Python: on each backend the plain rule's bits."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.words import isnan, maximum, minimum, row_sum, sqrt, where
from tests import reference

NAN = float("nan")
TERMS = 3
HALVES = (0.5, -0.25)
CAREFUL = True
INFINITE = float("inf")
LIMITS = (-np.inf, -0.5)
LARGE = 1.5e308


def ternary(var: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    return var - (lr if lr > bound else bound / 3) * (grad if lr else 0)


def ternary_of_elements(var: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    return var - lr * grad if lr > bound and not bound == 0.25 else maximum(var, grad)  # noqa: SIM201


def ternary_of_states(var: Any, slot: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    return (var - lr * grad, slot) if lr > bound else (var, slot + grad)


def ternary_that_guards(var: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    rate = bound / lr if lr > 0 else 0.125
    return var - rate * sqrt(-bound if bound < 0 else bound) * grad


def first_step(var: Any, slot: Any, grad: Any, *, lr: Any, bound: Any, step: Any) -> Any:
    if step == 1:
        slot = grad
    elif step > 5 or lr < bound:
        slot, rate = slot * lr + grad, 1 - lr
        var = var * rate
    else:
        slot += grad
    return var - lr * slot, slot


def early_return(var: Any, slot: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    if lr > bound:
        return [var, slot]
    large = abs(grad) > 0.5
    if bound < 0:
        large = large | (var > 0)
    return where(large, var - lr * grad, var), slot + (lr < 0.3) * grad


def nested_choices(var: Any, slot: Any, grad: Any, *, lr: Any, bound: Any, twice: bool = True) -> Any:
    if twice:
        if lr > bound:
            if bound > 0:
                return var, slot
            slot = slot + 1
        var = var - lr
    return var - slot * grad, slot


def loops(var: Any, grad: Any, *, lr: Any, bound: Any, twice: bool = False) -> Any:
    for number in range(TERMS + twice):
        var = var - lr / (number + 1) * grad * number**2
    for number in range(5, 0, -2):
        for factor in (0.5, -TERMS):
            var = var * factor if number == 3 else var + number
    first, second = HALVES
    for factor in HALVES:
        var = var * factor + HALVES[number - 2] * first - second
    for factor in range(0):
        var = var * factor
    else:
        var = var + bound
    return var + number


def newton(var: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    root = maximum(abs(grad), 1)
    for _ in range(4):
        root = 0.5 * (root + abs(grad) / root)
        if lr > bound:
            root = root * 0.75
    return var - lr * root


def joined_switches(
    var: Any, grad: Any, *, lr: Any, bound: Any, one: bool = True, two: bool = False, three: bool = False
) -> Any:
    small = two or (one and grad > 0)
    large = (one and not two) & (var > 0) | three
    rate = lr if (one or two) and not (two and three) and CAREFUL else bound
    if (one != two and not (two == three)) or lr == bound:  # noqa: SIM201
        var = var + (one + two + three) * rate
    return where(small, var, -var) + where(large, rate * grad, 0.5) + where(one, var, grad)


def joined_scalars(var: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    rate = 1 if 0 < lr < 1 != bound else 2
    inside = lr > 0 and bound > 0 and grad > 0
    outside = not lr > 0 or grad < 0
    return (
        var * rate + (lr or 3) * (bound and 4) + where(inside, grad, var) - where(outside, 1, lr) + where(not lr, 1, 2)
    )


def odd_and_unusual(var: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    rate = 0.5 if isnan(lr) or lr % 1 > 0.3 else lr + 2
    for number in range(4):
        if number % 2:
            var = var + number * rate
    return var - (grad if np.isfinite(bound) else 1)


def opposites_of_words(var: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    return var - (grad if ~np.isnan(lr) else bound) * (2 if ~fs.words.isfinite(lr) else 3)


def infinities(var: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    largest = where(grad > 0.5, np.inf, maximum(var, -math.inf))
    rate = (lr if -np.inf < lr < INFINITE else bound) + bound / math.inf
    for limit in LIMITS:
        largest = minimum(largest, where(grad > limit, rate * grad, -LIMITS[0]))
    return where(largest < 1e309, largest, var - rate * grad) + where(lr > 0.3, -1 * INFINITE, 1)


def lists(var: Any, slot: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    a = b = grad * lr
    [c, d] = [a + bound, b * sqrt(2.0) * abs(-3)]
    total: Any
    total = c * maximum(*pair(c, d))
    return [*pair(var - total, d), *()]


def pair(x: Any, y: Any) -> Any:
    return [x, y]


def chosen_in_a_helper(var: Any, grad: Any, *, lr: Any, bound: Any) -> Any:
    return var - bounded(lr, bound) * bounded(0.25, 0.5, turned=lr > bound) * grad


def bounded(x: Any, most: Any, turned: bool = False) -> Any:
    if turned:
        x = -x
    return x if x < most else most


RULES: list[tuple[Callable[..., Any], dict[str, bool]]] = [
    (ternary, {}),
    (ternary_of_elements, {}),
    (ternary_of_states, {}),
    (ternary_that_guards, {}),
    (first_step, {}),
    (early_return, {}),
    (nested_choices, {}),
    (nested_choices, {"twice": False}),
    (loops, {}),
    (loops, {"twice": True}),
    (newton, {}),
    *(
        (joined_switches, dict(zip(("one", "two", "three"), each, strict=True)))
        for each in itertools.product([False, True], repeat=3)
    ),
    (joined_scalars, {}),
    (odd_and_unusual, {}),
    (infinities, {}),
    (opposites_of_words, {}),
    (lists, {}),
    (chosen_in_a_helper, {}),
]
SCALARS = [
    {"lr": 0.5, "bound": 0.25},
    {"lr": 0.25, "bound": 0.5},
    {"lr": 0.0, "bound": -1.0},
    {"lr": NAN, "bound": 2.0},
]
STEPS = (1.0, 3.0, 7.0)
cases = pytest.mark.parametrize(
    ("rule", "switches"), [pytest.param(*each, id=f"{number}-{each[0].__name__}") for number, each in enumerate(RULES)]
)


def calls(rule: Callable[..., Any], dtype: str) -> Iterator[tuple[list[np.ndarray], np.ndarray, dict[str, float]]]:
    """States, a gradient and scalars that take each way through a rule."""
    rng = np.random.default_rng(1)
    signature = fs.Operator(rule).signature
    for scalars in SCALARS:
        for step in STEPS if "step" in signature.scalars else (None,):
            states = [reference.numbers(rng, (5, 3), dtype) for _ in signature.states]
            yield states, reference.numbers(rng, (5, 3), dtype), scalars | ({} if step is None else {"step": step})


def expected(
    rule: Callable[..., Any], states: list[np.ndarray], grad: np.ndarray, scalars: dict[str, float], switches: Any
) -> list[np.ndarray]:
    """What the plain rule returns."""

    def as_tuple(*values: Any, **named: Any) -> Any:
        returned = rule(*values, **named)
        return tuple(returned) if isinstance(returned, list) else returned

    return reference.step(as_tuple, states, grad, None, "touched", scalars, switches)


@cases
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_on_the_cpu(rule: Callable[..., Any], switches: dict[str, bool], dtype: str) -> None:
    if rule is lists:
        # In NumPy the root of a number is float64, which widens float32.
        dtype = "float64"
    operator = fs.Operator(rule, **switches)
    for states, grad, scalars in calls(rule, dtype):
        want = expected(rule, states, grad, scalars, switches)
        operator(*states, grad, **scalars)
        for got, each in zip(states, want, strict=True):
            reference.assert_same_bits(got, each, str(scalars))


@cases
@pytest.mark.gpu
def test_on_a_device(rule: Callable[..., Any], switches: dict[str, bool], device: str) -> None:
    torch = pytest.importorskip("torch")
    from tests.devices import on_device, on_host

    operator = fs.Operator(rule, **switches)
    for states, grad, scalars in calls(rule, "float64"):
        want = expected(rule, states, grad, scalars, switches)
        # The numbers of the step are computed on the host, or from scalars on the device.
        for named in (scalars, {name: torch.tensor(each, dtype=torch.float64) for name, each in scalars.items()}):
            given = [on_device(each) for each in states]
            operator(*given, on_device(grad), **named)
            for got, each in zip(given, want, strict=True):
                reference.assert_same_bits(on_host(got, each.dtype), each, str(scalars))


@cases
def test_on_arrays_of_jax(rule: Callable[..., Any], switches: dict[str, bool]) -> None:
    jax = pytest.importorskip("jax")
    pytest.importorskip("optax")
    with jax.enable_x64(True):
        traced = jax.jit(
            lambda states, grad, scalars: fs.jax.dense_update(rule, states[0], states[1:], grad, **scalars, **switches)
        )
        for states, grad, scalars in calls(rule, "float64"):
            want = expected(rule, states, grad, scalars, switches)
            var, others = fs.jax.dense_update(rule, states[0], states[1:], grad, **scalars, **switches)
            for got, each in zip((var, *others), want, strict=True):
                reference.assert_same_bits(got, each, str(scalars))
            # Inside of jit, scalars are traced and XLA contracts products and sums.
            var, others = traced(states, grad, scalars)
            for got, each in zip((var, *others), want, strict=True):
                np.testing.assert_allclose(got, each, rtol=1e-12, atol=1e-12)


@cases
def test_on_whole_tensors(rule: Callable[..., Any], switches: dict[str, bool]) -> None:
    torch = pytest.importorskip("torch")
    from fusedstep.codegen.recipe import Recipe
    from fusedstep.codegen.torch.build import build

    functions = build(Recipe(fs.Operator(rule, **switches).spec, ("float64",), "float64"))
    names = fs.Operator(rule).signature.scalars
    for states, grad, scalars in calls(rule, "float64"):
        want = expected(rule, states, grad, scalars, switches)
        numbers = [scalars[name] for name in names]
        for each in (numbers, [torch.tensor(number, dtype=torch.float64) for number in numbers]):
            found = functions.step([*map(torch.tensor, states)], torch.tensor(grad), functions.numbers(each))
            for got, one in zip(found, want, strict=True):
                reference.assert_same_bits(got.numpy(), one, str(scalars))


def chosen_by_a_sum(var: Any, grad: Any, *, lr: Any) -> Any:
    scale = row_sum(grad * grad) if lr > 0.5 else row_sum(abs(grad))
    for _ in range(2):
        scale = scale * 0.5
    return var - lr * scale * grad


@pytest.mark.parametrize("lr", [0.25, 1.0])
def test_a_choice_between_sums(lr: float) -> None:
    var, grad = np.ones((3, 2)), np.array([[1.0, 2.0], [0.5, 4.0], [0.0, 1.0]])
    want = chosen_by_a_sum(var, grad, lr=lr)
    fs.Operator(chosen_by_a_sum)(var, grad, lr=lr)
    assert var.tolist() == want.tolist()


def test_a_choice_by_scalars_is_made_once_per_call() -> None:
    program = fs.Operator(ternary).spec.program
    assert len(program.hoisted) == 2
    assert not any("where" in str(line) for line in program.lines)


def test_a_state_that_no_way_changes_is_only_read() -> None:
    def rule(var: Any, slot: Any, grad: Any, *, lr: Any) -> Any:
        if lr > 0:
            var = var - lr * slot * grad
        return var, slot

    assert fs.Operator(rule).spec.changed == (True, False)


@pytest.mark.parametrize("rows", ["touched", "every"])
def test_rows_and_deferred_rows(rows: str) -> None:
    grad, indices = np.ones((3, 2)), np.array([1, 3, 1])
    states = [np.ones((5, 2)), np.ones((5, 2))]
    scalars = {"lr": 0.5, "bound": 0.25, "step": 3.0}
    want = reference.step(first_step, states, grad, indices, rows, scalars, {})
    table = fs.DeferredRows(first_step, *(each.copy() for each in states), method="replay")
    fs.Operator(first_step)(*states, grad, indices, rows=rows, **scalars)
    for got, each in zip(states, want, strict=True):
        reference.assert_same_bits(got, each)
    if rows == "every":
        table.step(grad, indices, **scalars)
        for got, each in zip(table.flush(), want, strict=True):
            reference.assert_same_bits(got, each)


def returns_in_a_loop(var: Any, grad: Any, *, lr: Any) -> Any:
    for k in range(256):
        if lr < k:
            return var - k * grad
    return var


def goes_on_in_a_loop(var: Any, grad: Any, *, lr: Any) -> Any:
    for k in range(256):
        if lr >= k:
            var = var + k * grad
        else:
            return var - k * grad
    return var


def alternates(var: Any, slot: Any, grad: Any, *, lr: Any) -> Any:
    for k in range(100):
        if lr > 200 - k:
            return slot, var * k
        if lr >= k:
            slot = slot + grad
            var = var - lr
        else:
            return var, slot * k
    return var * lr, lr


@pytest.mark.parametrize("rule", [returns_in_a_loop, goes_on_in_a_loop, alternates])
@pytest.mark.parametrize("lr", [-1.0, 0.0, 31.5, 32.0, 63.0, 100.5, 150.0, 255.0, 300.0, NAN])
def test_as_many_returns_as_passes(rule: Callable[..., Any], lr: float) -> None:
    operator = fs.Operator(rule)
    states, grad = [np.array([1.0, -2.5]) for _ in operator.signature.states], np.array([0.3, 3.0])
    want = reference.step(rule, states, grad, None, "touched", {"lr": lr}, {})
    operator(*states, grad, lr=lr)
    for got, each in zip(states, want, strict=True):
        reference.assert_same_bits(got, each)


@pytest.mark.parametrize("rule", [returns_in_a_loop, alternates])
def test_as_many_returns_as_passes_on_arrays_of_jax(rule: Callable[..., Any]) -> None:
    jax = pytest.importorskip("jax")
    pytest.importorskip("optax")
    with jax.enable_x64(True):
        states, grad = [np.array([1.0, -2.5]) for _ in fs.Operator(rule).signature.states], np.array([0.3, 3.0])
        want = reference.step(rule, states, grad, None, "touched", {"lr": 63.0}, {})
        var, others = fs.jax.dense_update(rule, states[0], states[1:], grad, lr=63.0)
        for got, each in zip((var, *others), want, strict=True):
            reference.assert_same_bits(got, each)


def test_a_constant_may_be_as_large_as_floats() -> None:
    def rule(var: Any, grad: Any, *, lr: Any) -> Any:
        return minimum(var * LARGE, 17 * 10**307) - lr * LARGE * grad

    var, grad = np.array([1.0, -0.5, 2.0**-1000]), np.array([0.5, 1.0, -0.25])
    want = rule(var, grad, lr=0.25)
    fs.Operator(rule)(var, grad, lr=0.25)
    reference.assert_same_bits(var, want)
