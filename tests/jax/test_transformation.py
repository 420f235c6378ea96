"""Rules as optax transformations, alone and inside other transformations of optax."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from tests import reference
from tests.rules import test_rules, test_rules_with_sums

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

ADAGRAD = {"lr": 0.1, "epsilon": 0.0}
ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
FTRL = {"lr": 0.5, "l1": 0.1, "l2": 0.0}
Tree = dict[str, Any]


def trees(steps: int = 4) -> tuple[Tree, list[Tree]]:
    """Parameters, and the gradients of some steps."""
    rng = np.random.default_rng(3)

    def drawn() -> Tree:
        return {
            "weight": rng.standard_normal((4, 3)).astype(np.float32),
            "bias": rng.standard_normal(3).astype(np.float32),
            "none": None,
            "empty": {},
        }

    return jax.tree.map(jax.numpy.asarray, drawn()), [drawn() for _ in range(steps)]


def run(optimizer: Any, params: Tree, gradients: list[Tree]) -> tuple[Tree, Any]:
    """Some steps under jit, with parameters and states donated."""

    def step(params: Tree, state: Any, gradient: Tree) -> tuple[Tree, Any]:
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    compiled = jax.jit(step, donate_argnums=(0, 1))
    params = jax.tree.map(jax.numpy.array, params)
    state = optimizer.init(params)
    for gradient in gradients:
        params, state = compiled(params, state, gradient)
    return params, state


def adam_in_float64(params: Tree, gradients: list[Tree], rate: Callable[[int], float] = lambda count: 0.1) -> Tree:
    """Steps of the rule on NumPy arrays."""
    found: Tree = {}
    for name in ("weight", "bias"):
        var, m, v = np.asarray(params[name], np.float64), 0.0, 0.0
        for count, gradient in enumerate(gradients):
            powers = {"beta1_power": 0.9 ** (count + 1), "beta2_power": 0.999 ** (count + 1)}
            scalars = ADAM | powers | {"lr": rate(count)}
            var, m, v = fs.rules.adam(var, m, v, gradient[name].astype(np.float64), **scalars)
        found[name] = var
    return found


def assert_near(got: Tree, want: Tree, tolerance: float = 2e-6) -> None:
    for name, each in want.items():
        np.testing.assert_allclose(got[name], each, rtol=tolerance, atol=tolerance)


def test_steps_are_those_of_the_rule_with_powers_that_follow() -> None:
    params, gradients = trees()
    got, state = run(fs.jax.adam(**ADAM), params, gradients)
    assert_near(got, adam_in_float64(params, gradients))
    assert int(state.count) == 4
    assert state.states.keys() == {"m", "v"}
    assert got["none"] is None
    assert got["empty"] == {}
    assert jax.tree.structure(state.states["m"]) == jax.tree.structure(params)


def test_early_corrections_are_more_exact_than_in_float32() -> None:
    # In float32 1 - 0.999 is off by 1e-5, and so is a first step, which is divided by its root.
    param = gradient = jax.numpy.full(1, 0.37)
    scalars = ADAM | {"epsilon": 0.0, "lr": 1.0}
    update, _ = jax.jit(fs.jax.adam(**scalars).update)(gradient, fs.jax.adam(**scalars).init(param), param)
    assert abs(float(update[0]) + 1) < 1e-6


def test_schedules_begin_at_0() -> None:
    params, gradients = trees()
    schedule = optax.linear_schedule(0.5, 0.1, 4)
    got, _ = run(fs.jax.adam(**ADAM | {"lr": schedule}), params, gradients)
    assert_near(got, adam_in_float64(params, gradients, lambda count: 0.5 - 0.1 * count))


def test_in_a_scan() -> None:
    params, gradients = trees()
    optimizer = fs.jax.adam(**ADAM)
    stacked = jax.tree.map(lambda *each: np.stack(each), *gradients)

    def body(carry: Any, gradient: Tree) -> tuple[Any, None]:
        params, state = carry
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), None

    (got, state), _ = jax.jit(lambda carry: jax.lax.scan(body, carry, stacked))((params, optimizer.init(params)))
    assert_near(got, adam_in_float64(params, gradients))
    assert int(state.count) == 4


def test_behind_clipping_in_a_chain() -> None:
    params, gradients = trees()
    chained, _ = run(optax.chain(optax.clip(0.25), fs.jax.adam(**ADAM)), params, gradients)
    clipped = [jax.tree.map(lambda each: np.clip(each, -0.25, 0.25), gradient) for gradient in gradients]
    assert_near(chained, adam_in_float64(params, clipped))


def test_in_a_multi_transform_and_masked() -> None:
    params, gradients = trees()
    labels = {"weight": "factored", "bias": "adam", "none": "adam", "empty": "adam"}
    factor = fs.jax.adafactor(**test_rules_with_sums.FACTOR)
    got, _ = run(optax.multi_transform({"factored": factor, "adam": fs.jax.adam(**ADAM)}, labels), params, gradients)
    want = adam_in_float64(params, gradients)
    np.testing.assert_allclose(got["bias"], want["bias"], rtol=2e-6, atol=2e-6)
    single, _ = run(factor, {"weight": params["weight"]}, [{"weight": each["weight"]} for each in gradients])
    np.testing.assert_allclose(got["weight"], single["weight"], rtol=1e-6)
    mask = {"weight": False, "bias": True, "none": None, "empty": {}}
    masked, _ = run(optax.masked(fs.jax.adam(**ADAM), mask), params, gradients)
    np.testing.assert_allclose(masked["bias"], want["bias"], rtol=2e-6, atol=2e-6)


def test_weights_become_exactly_0() -> None:
    params = jax.numpy.array([0.5, -0.5, 0.25])
    gradients = [np.array([0.01, -1.0, 0.02], np.float32)] * 3
    for optimizer in (fs.jax.ftrl_proximal(**FTRL), fs.jax.proximal_adagrad(lr=0.5, l1=5.0, l2=0.0)):
        got, _ = run(optimizer, params, gradients)
        assert got.tolist()[::2] == [0, 0]
    assert run(fs.jax.ftrl_proximal(**FTRL), params, gradients)[0][1] > 0


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_16_bit_parameters(name: str) -> None:
    param, gradient = jax.numpy.full(4, 0.5, name), jax.numpy.full(4, 0.25, name)
    optimizer = fs.jax.adagrad(lr=0.1, epsilon=0.0)
    state = optimizer.init(param)
    update, state = optimizer.update(gradient, state, param)
    assert update.dtype == param.dtype
    wide, _ = optimizer.update(gradient.astype("float32"), optimizer.init(param), param)
    assert wide.dtype == param.dtype
    np.testing.assert_allclose(np.asarray(update, np.float32), -0.1, rtol=1e-2)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_updates_are_not_rounded_to_16_bit_gradients(name: str) -> None:
    params = jax.numpy.linspace(0.1, 0.9, 33)
    gradient = jax.numpy.full(33, 0.25, name)
    optimizer = fs.jax.proximal_gradient_descent(lr=0.5, l1=10.0, l2=0.0)
    update, _ = optimizer.update(gradient, optimizer.init(params), params)
    assert update.dtype == params.dtype
    assert not optax.apply_updates(params, update).any()


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_in_multi_steps_with_gradients_of_either_type(name: str) -> None:
    params, gradients = trees(2)
    narrow = [jax.tree.map(lambda each: jax.numpy.asarray(each, name), gradient) for gradient in gradients]
    optimizer = optax.MultiSteps(optax.chain(optax.clip(5.0), fs.jax.adam(**ADAM)), 2)
    # The mean of two equal gradients is exact.
    got, _ = run(optimizer, params, [each for each in narrow for _ in range(2)])
    wide = [jax.tree.map(lambda each: np.asarray(each, np.float32), gradient) for gradient in narrow]
    assert_near(got, adam_in_float64(params, wide))


def test_float64_parameters() -> None:
    with jax.enable_x64(True):
        params, gradients = trees()
        params, gradients = (
            jax.tree.map(lambda each: np.asarray(each, np.float64), each) for each in (params, gradients)
        )
        got, state = run(fs.jax.adam(**ADAM), params, gradients)
        assert_near(got, adam_in_float64(params, gradients), tolerance=1e-14)
        assert state.states["m"]["bias"].dtype == np.float64


@pytest.mark.parametrize(
    "row", [*test_rules.RULES[:-3], *test_rules_with_sums.ROWS[:-4]], ids=lambda row: row.rule.__name__
)
def test_every_rule_is_a_transformation(row: Any) -> None:
    rng = np.random.default_rng(6)
    make = getattr(fs.jax, row.rule.__name__)
    # keep_weights is on in transformations, and off in dense_update.
    switches = {name: False for name in ("keep_weights",) if name in fs.Operator(row.rule).signature.switches}
    switches |= getattr(row, "switches", {})
    optimizer = make(**row.scalars, **switches)
    param, grad = (jax.numpy.asarray(rng.standard_normal((3, 4)).astype(np.float32)) for _ in range(2))
    state = optimizer.init(param)
    update, after = optimizer.update(grad, state, param)
    names = fs.Operator(row.rule).signature.states[1:]
    states = tuple(state.states.get(name) for name in names)
    var, others = fs.jax.dense_update(row.rule, param, states, grad, **row.scalars, **switches)
    # An update is the change itself where it is free of the parameter, else the difference.
    assert (optax.apply_updates(param, update) == var).all() or (update == var - param).all()
    for name, other in zip(names, others, strict=True):
        if other is not None:
            reference.assert_same_bits(after.states[name], other, name)


def test_a_rule_of_ones_own() -> None:
    optimizer = fs.jax.transformation(test_rules.momentum, lr=0.1, beta=0.5)
    param = jax.numpy.ones(2)
    update, state = optimizer.update(jax.numpy.full(2, 2.0), optimizer.init(param), param)
    np.testing.assert_allclose(update, -0.1, rtol=1e-6)
    assert state.states["mean"].tolist() == [1, 1]


def test_extra_arguments_and_gradients_of_none() -> None:
    params, gradients = trees(1)
    optimizer = fs.jax.adam(**ADAM)
    state = optimizer.init(params)
    updates, after = optimizer.update(gradients[0] | {"bias": None}, state, params, value=1.0)
    assert updates["bias"] is None
    assert after.states["m"]["bias"].tolist() == [0, 0, 0]
    assert optimizer.update({}, optimizer.init({}), {})[0] == {}


@pytest.mark.parametrize("missing", ["jax", "optax"])
def test_a_missing_package_is_named_with_its_extra(missing: str) -> None:
    script = f"""
import sys
sys.modules[{missing!r}] = None
import fusedstep as fs
try:
    fs.jax
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == (
        f'fusedstep.jax needs {missing}, not installed here; install it with: pip install "fusedstep[jax]"'
    )
