"""Rules as optax's transformations, in what optax puts them in."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from functools import partial
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
    """Parameters, and gradients of some steps."""
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
    """Some steps under jit, with what is changed donated."""

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
    """Steps of the rule as it stands."""
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
    # 1 - 0.999 in float32 is off by 1e-5, and so is a first step that is divided by its root.
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
    alone, _ = run(factor, {"weight": params["weight"]}, [{"weight": each["weight"]} for each in gradients])
    np.testing.assert_allclose(got["weight"], alone["weight"], rtol=1e-6)
    mask = {"weight": False, "bias": True, "none": None, "empty": {}}
    masked, _ = run(optax.masked(fs.jax.adam(**ADAM), mask), params, gradients)
    np.testing.assert_allclose(masked["bias"], want["bias"], rtol=2e-6, atol=2e-6)


def test_with_injected_hyperparameters() -> None:
    params, gradients = trees()
    factory = optax.inject_hyperparams(fs.jax.adam)
    got, state = run(factory(**ADAM | {"lr": optax.linear_schedule(0.5, 0.1, 4)}), params, gradients)
    # Injected numbers are float32: 1 - beta2 is that of the float32 number.
    assert_near(got, adam_in_float64(params, gradients, lambda count: 0.5 - 0.1 * count), tolerance=1e-4)
    assert state.hyperparams.keys() == set(ADAM)
    state.hyperparams["beta1"] = jax.numpy.float32(0.5)
    run_again = factory(**ADAM | {"lr": 0.1}).update(gradients[0], state, got)
    assert float(run_again[1].hyperparams["beta1"]) == 0.5


def test_switches_and_defaults_may_be_injected_too() -> None:
    params, gradients = trees(1)
    plain, _ = run(fs.jax.torch_sgd(lr=0.1, momentum=0.9, nesterov=True), params, gradients)
    injected, _ = run(
        optax.inject_hyperparams(fs.jax.torch_sgd)(lr=0.1, momentum=0.9, nesterov=True), params, gradients
    )
    assert_near(injected, {name: plain[name] for name in ("weight", "bias")}, tolerance=1e-6)


INJECTED = ADAM | {"lr": 0.1, "epsilon": 1e-6}


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("rate", [0.1, optax.linear_schedule(0.5, 0.1, 4), 1, np.array(0.1)])
def test_injected_hyperparameters_beside_16_bit_parameters_are_float32(name: str, rate: Any) -> None:
    param, gradient = jax.numpy.full(4, 0.5, name), jax.numpy.full(4, 0.25, name)
    injected = optax.inject_hyperparams(fs.jax.torch_adam)(**INJECTED | {"lr": rate})
    plain = fs.jax.torch_adam(**INJECTED | {"lr": float(rate) if isinstance(rate, np.ndarray) else rate})
    states = [injected.init(param), plain.init(param)]
    assert {str(each.dtype) for each in states[0].hyperparams.values()} == {"float32"}
    for _ in range(3):
        update, states[0] = jax.jit(injected.update)(gradient, states[0], param)
        want, states[1] = jax.jit(plain.update)(gradient, states[1], param)
        np.testing.assert_allclose(np.asarray(update, "float32"), np.asarray(want, "float32"), rtol=2.0**-7)
    assert {str(each.dtype) for each in states[0].hyperparams.values()} == {"float32"}


def test_injected_hyperparameters_have_jax_widest_type() -> None:
    factory = optax.inject_hyperparams(fs.jax.adam)
    weak = jax.numpy.asarray(0.999)
    state = factory(**ADAM | {"beta2": weak}).init(jax.numpy.ones(2, "bfloat16"))
    assert state.hyperparams["beta2"] == np.float32(0.999)
    with jax.enable_x64(True):
        assert factory(**ADAM).init(jax.numpy.ones(2)).hyperparams["beta2"] == 0.999


def set_by_hand(name: str) -> Any:
    param = jax.numpy.ones(2, name)
    optimizer = optax.inject_hyperparams(fs.jax.adam)(**ADAM)
    state = optimizer.init(param)
    state.hyperparams["beta2"] = 0.999
    return jax.jit(optimizer.update)(param, state, param)


def by_a_factory_of_ones_own(**more: Any) -> Any:
    param = jax.numpy.ones(2, "bfloat16")
    factory = optax.inject_hyperparams(lambda beta2: fs.jax.adam(**ADAM | {"beta2": beta2}), **more)
    optimizer = factory(beta2=0.999)
    return optimizer.update(param, optimizer.init(param), param)[0]


@pytest.mark.parametrize(
    "call", [partial(set_by_hand, "float16"), partial(set_by_hand, "bfloat16"), by_a_factory_of_ones_own]
)
def test_scalars_of_16_bits_are_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(
        TypeError, match=r'adam: beta2 holds b?float16, expected float32: .* hyperparam_dtype="float32"'
    ):
        call()
    assert np.isfinite(np.asarray(by_a_factory_of_ones_own(hyperparam_dtype="float32"), "float32")).all()


def test_states_of_a_description_are_those_of_its_parameter() -> None:
    for name in ("float32", "bfloat16"):
        params = {"table": jax.numpy.ones((4, 3), name), "none": None}
        described = jax.tree.map(lambda each: jax.ShapeDtypeStruct(each.shape, each.dtype), params)
        for optimizer in (fs.jax.rowwise_adagrad(**ADAGRAD, initial={"accum": 0.5}), fs.jax.adam(**ADAM)):
            jax.tree.map(reference.assert_same_bits, optimizer.init(described), optimizer.init(params))
            shapes = jax.tree.map(lambda each: (each.shape, each.dtype), jax.eval_shape(optimizer.init, described))
            assert shapes == jax.tree.map(lambda each: (each.shape, each.dtype), optimizer.init(params))


def test_weights_become_exactly_zero() -> None:
    params = jax.numpy.array([0.5, -0.5, 0.25])
    gradients = [np.array([0.01, -1.0, 0.02], np.float32)] * 3
    for optimizer in (fs.jax.ftrl_proximal(**FTRL), fs.jax.proximal_adagrad(lr=0.5, l1=5.0, l2=0.0)):
        got, _ = run(optimizer, params, gradients)
        assert got.tolist()[::2] == [0, 0]
    assert run(fs.jax.ftrl_proximal(**FTRL), params, gradients)[0][1] > 0


def test_initial_values() -> None:
    params = {"weight": jax.numpy.ones((2, 3))}
    state = fs.jax.adagrad(lr=0.1, epsilon=0.0, initial={"accum": 0.5}).init(params)
    assert (state.states["accum"]["weight"] == 0.5).all()
    start = jax.jit(lambda value: fs.jax.adagrad(**ADAGRAD, initial={"accum": value}).init(params))
    assert (start(np.full(1, 0.25, np.float32)).states["accum"]["weight"] == 0.25).all()
    with pytest.raises(TypeError, match="adagrad: takes initial values of accum; not known: var"):
        fs.jax.adagrad(lr=0.1, epsilon=0.0, initial={"var": 1.0})


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_16_bit_parameters(name: str) -> None:
    param, gradient = jax.numpy.full(4, 0.5, name), jax.numpy.full(4, 0.25, name)
    optimizer = fs.jax.adagrad(lr=0.1, epsilon=0.0)
    state = optimizer.init(param)
    assert str(state.states["accum"].dtype) == name
    update, state = optimizer.update(gradient, state, param)
    assert update.dtype == param.dtype
    assert str(state.states["accum"].dtype) == name
    wide, _ = optimizer.update(gradient.astype("float32"), optimizer.init(param), param)
    assert wide.dtype == param.dtype
    np.testing.assert_allclose(np.asarray(update, np.float32), -0.1, rtol=1e-2)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_16_bit_gradients_round_no_update(name: str) -> None:
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
    # The mean of two equal gradients is rounded nowhere.
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


def test_states_by_row_and_by_column() -> None:
    params = {"table": jax.numpy.ones((4, 3, 2)), "bias": jax.numpy.ones(3), "number": jax.numpy.ones(())}
    state = fs.jax.rowwise_adagrad(lr=0.1, epsilon=0.1).init(params)
    assert {name: each.shape for name, each in state.states["accum"].items()} == {
        "table": (4,),
        "bias": (3,),
        "number": (),
    }
    state = fs.jax.adafactor(**test_rules_with_sums.FACTOR).init(params["table"])
    assert {name: each.shape for name, each in state.states.items()} == {
        "exp_avg_sq_row": (4, 3),
        "exp_avg_sq_col": (4, 2),
    }


@pytest.mark.parametrize(
    "row", [*test_rules.RULES[:-2], *test_rules_with_sums.ROWS[:-2]], ids=lambda row: row.rule.__name__
)
def test_every_rule_is_a_transformation(row: Any) -> None:
    rng = np.random.default_rng(6)
    make = getattr(fs.jax, row.rule.__name__)
    # Where settings change a transformation keeps weights, unless it is told not to; a function is the rule alone.
    switches = {name: False for name in ("keep_weights",) if name in fs.Operator(row.rule).signature.switches}
    switches |= getattr(row, "switches", {})
    optimizer = make(**row.scalars, **switches)
    param, grad = (jax.numpy.asarray(rng.standard_normal((3, 4)).astype(np.float32)) for _ in range(2))
    state = optimizer.init(param)
    update, after = optimizer.update(grad, state, param)
    names = fs.Operator(row.rule).signature.states[1:]
    states = tuple(state.states.get(name) for name in names)
    var, others = fs.jax.dense_update(row.rule, param, states, grad, **row.scalars, **switches)
    np.testing.assert_array_equal(update, var - param)
    for name, other in zip(names, others, strict=True):
        if other is not None:
            reference.assert_same_bits(after.states[name], other, name)


def test_every_rule_has_its_own_signature_and_docstring() -> None:
    for name in fs.rules.__all__:
        make = getattr(fs.jax, name)
        signature = fs.Operator(getattr(fs.rules, name)).signature
        parameters = inspect.signature(make).parameters
        assert parameters.keys() == {"initial", "maximize", *signature.scalars, *signature.switches}
        assert make.__name__ == name
        for scalar in parameters:
            assert f"    {scalar}: " in make.__doc__
    assert inspect.signature(fs.jax.adam).parameters["beta1_power"].default is None
    assert inspect.signature(fs.jax.adam).parameters["beta1"].default is inspect.Parameter.empty
    assert set(dir(fs.jax)) >= set(fs.rules.__all__)
    with pytest.raises(AttributeError, match="has no 'nothing'"):
        fs.jax.nothing  # noqa: B018 - asking for it is what is tested


def test_a_rule_of_ones_own() -> None:
    optimizer = fs.jax.transformation(test_rules.momentum, lr=0.1, beta=0.5)
    param = jax.numpy.ones(2)
    update, state = optimizer.update(jax.numpy.full(2, 2.0), optimizer.init(param), param)
    np.testing.assert_allclose(update, -0.1, rtol=1e-6)
    assert state.states["mean"].tolist() == [1, 1]


def test_extra_arguments_and_gradients_that_are_none() -> None:
    params, gradients = trees(1)
    optimizer = fs.jax.adam(**ADAM)
    state = optimizer.init(params)
    updates, after = optimizer.update(gradients[0] | {"bias": None}, state, params, value=1.0)
    assert updates["bias"] is None
    assert after.states["m"]["bias"].tolist() == [0, 0, 0]
    assert optimizer.update({}, optimizer.init({}), {})[0] == {}


ONE = np.ones(2, np.float32)


def adagrad_after(grad: Any = ONE, state: Any = None, params: Any = ONE, **states: Any) -> Any:
    optimizer = fs.jax.adagrad(**ADAGRAD)
    state = optimizer.init(ONE) if state is None else state
    return optimizer.update(grad, state._replace(states=states) if states else state, params)


def in_float64() -> None:
    with jax.enable_x64(True):
        adagrad_after(accum=np.ones(2))


REFUSED: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "no parameters": (
        ValueError,
        r"adam: params is None, .* pass them: update\(grads, state, params\)",
        lambda: fs.jax.adam(**ADAM).update(ONE, fs.jax.adam(**ADAM).init(ONE)),
    ),
    "a vector by columns": (
        ValueError,
        r"adafactor: a parameter has shape \(3,\), expected two dimensions or more, .* optax.multi_transform",
        lambda: fs.jax.adafactor(**test_rules_with_sums.FACTOR).init(np.ones(3, np.float32)),
    ),
    "integers": (
        TypeError,
        "adam: a parameter holds int32, expected float32",
        lambda: fs.jax.adam(**ADAM).init(np.ones(3, np.int32)),
    ),
    **{
        f"a description of {what}": (
            TypeError,
            rf"adam: a parameter holds {what}, expected float32",
            partial(lambda what: fs.jax.adam(**ADAM).init(jax.ShapeDtypeStruct((3,), what)), what),
        )
        for what in ("int32", "float64")
    },
    "a description of a vector by columns": (
        ValueError,
        r"adafactor: a parameter has shape \(3,\), expected two dimensions or more",
        lambda: fs.jax.adafactor(**test_rules_with_sums.FACTOR).init(jax.ShapeDtypeStruct((3,), "float32")),
    ),
    "a description as a gradient": (
        TypeError,
        "adagrad: a gradient is of type ShapeDtypeStruct, expected an array",
        lambda: adagrad_after(jax.ShapeDtypeStruct((2,), "float32")),
    ),
    "a gradient's shape": (
        ValueError,
        r"adam: a gradient has shape \(3,\), its parameter \(2,\)",
        lambda: fs.jax.adam(**ADAM).update(
            np.ones(3, np.float32), fs.jax.adam(**ADAM).init(np.ones(2, np.float32)), np.ones(2, np.float32)
        ),
    ),
    "a missing scalar": (
        TypeError,
        "adam: takes the scalars .*; missing: lr",
        lambda: fs.jax.adam(beta1=0.9, beta2=0.9, epsilon=0.1),
    ),
    "an unknown one": (TypeError, "not known: rate", lambda: fs.jax.adam(**ADAM, rate=0.1)),
    **{
        f"{given.dtype} as a gradient": (
            TypeError,
            f"adagrad: a gradient holds {given.dtype}, expected float32, float64, float16 or bfloat16",
            partial(adagrad_after, given),
        )
        for given in (np.ones(2, np.int32), np.ones(2, bool), np.ones(2, np.complex64))
    },
    "a str as a gradient": (
        TypeError,
        "adagrad: a gradient is of type str, expected an array",
        lambda: adagrad_after("x"),
    ),
    "a str as a parameter": (
        TypeError,
        "adagrad: a parameter is of type str, expected an array",
        lambda: fs.jax.adagrad(**ADAGRAD).init({"weight": "x"}),
    ),
    "NumPy's float64": (
        TypeError,
        r"adagrad: a parameter holds float64, expected float32, .* jax\.enable_x64\(True\)",
        lambda: fs.jax.adagrad(**ADAGRAD).init(np.ones(2)),
    ),
    "no state": (
        TypeError,
        "adagrad: state is None, expected a RuleState; pass what init or the last update gave",
        lambda: fs.jax.adagrad(**ADAGRAD).update(ONE, None, ONE),
    ),
    "a state of optax": (
        TypeError,
        "adagrad: state is of type ScaleByAdamState, expected a RuleState",
        lambda: adagrad_after(state=optax.scale_by_adam().init(ONE)),
    ),
    "a state of another rule": (
        TypeError,
        "adagrad: state holds m, v, expected accum",
        lambda: adagrad_after(state=fs.jax.adam(**ADAM).init(ONE)),
    ),
    "states without names": (
        TypeError,
        "adagrad: state holds no states by name, expected accum",
        lambda: adagrad_after(state=fs.jax.RuleState(0, ONE)),
    ),
    "a count that is none": (
        TypeError,
        "adagrad: state.count is 0.5, expected a whole number",
        lambda: adagrad_after(state=fs.jax.RuleState(0.5, {"accum": ONE})),
    ),
    "counts": (
        TypeError,
        r"adagrad: state.count is array\(.*, expected a whole number",
        lambda: adagrad_after(state=fs.jax.RuleState(np.ones(2, int), {"accum": ONE})),
    ),
    "a state's tree": (
        ValueError,
        "adagrad: accum is another tree than the gradients: ",
        lambda: adagrad_after({"weight": ONE}, params={"weight": ONE}, accum={"bias": ONE}),
    ),
    "parameters' tree": (
        ValueError,
        "adagrad: params is another tree than the gradients: ",
        lambda: adagrad_after({"weight": ONE}, params=(ONE,), accum={"weight": ONE}),
    ),
    "a state's shape": (
        ValueError,
        r"adagrad: accum has shape \(3,\), expected \(2,\), the shape of var",
        lambda: adagrad_after(accum=np.ones(3, np.float32)),
    ),
    "a state of integers": (
        TypeError,
        "adagrad: accum holds int32, expected float32",
        lambda: adagrad_after(accum=np.ones(2, np.int32)),
    ),
    "a state that does not mix": (
        TypeError,
        "adagrad: accum holds float64, expected float32, float16 or bfloat16 beside a float32 parameter",
        in_float64,
    ),
    **{
        f"initial is {given!r}": (error, f"adagrad: {message}", partial(fs.jax.adagrad, initial=given, **ADAGRAD))
        for given, error, message in (
            ([0.1], TypeError, r"initial is of type list, expected numbers by the names of states"),
            ({"accum": "x"}, TypeError, r"initial\['accum'\] is of type str, expected a real number"),
            ({"accum": None}, TypeError, r"initial\['accum'\] is None, expected a real number"),
            ({"accum": np.ones(2)}, ValueError, r"initial\['accum'\] has shape \(2,\), expected a scalar"),
            ({"m": "x"}, TypeError, "takes initial values of accum; not known: m"),
            ({1: 0.5}, TypeError, "takes initial values of accum; not known: 1"),
        )
    },
    "an array of JAX as an initial value": (
        ValueError,
        r"adagrad: initial\['accum'\] has shape \(2,\), expected a scalar",
        lambda: fs.jax.adagrad(initial={"accum": jax.numpy.ones(2)}, **ADAGRAD),
    ),
    "no rule": (TypeError, "a rule is a plain Python function", lambda: fs.jax.transformation(optax.adam(0.1))),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_does_not_fit_is_refused(name: str) -> None:
    error, message, call = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


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
