"""Scalars that ``optax.inject_hyperparams`` injects into transformations."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from tests.jax.test_transformation import ADAM, adam_in_float64, assert_near, run, trees

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")


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


ROUNDED = pytest.mark.skipif(
    tuple(map(int, optax.__version__.split(".")[:3])) < (0, 2, 8),
    reason="before 0.2.8 optax rounds whatever it injects to the parameters' type, which is refused",
)
INJECTED = ADAM | {"lr": 0.1, "epsilon": 1e-6}


@ROUNDED
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


@ROUNDED
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


@ROUNDED
@pytest.mark.parametrize(
    "call", [partial(set_by_hand, "float16"), partial(set_by_hand, "bfloat16"), by_a_factory_of_ones_own]
)
def test_scalars_of_16_bits_are_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(
        TypeError, match=r'adam: beta2 holds b?float16, expected float32: .* hyperparam_dtype="float32"'
    ):
        call()
    assert np.isfinite(np.asarray(by_a_factory_of_ones_own(hyperparam_dtype="float32"), "float32")).all()
