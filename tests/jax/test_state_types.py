"""The types of states."""

from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from tests.rules.test_rules import momentum

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


def types_of(optimizer: Any, dtype: str, make: Any = lambda function: function) -> dict[str, str]:
    """The types of the states of a parameter, which a step must keep."""
    param = jax.numpy.ones((2, 3), dtype)
    state = make(optimizer.init)(param)
    _, after = make(optimizer.update)(param, state, param)
    found = {name: str(each.dtype) for name, each in state.states.items()}
    assert {name: str(each.dtype) for name, each in after.states.items()} == found
    described = optimizer.init(jax.ShapeDtypeStruct((2, 3), param.dtype))
    assert {name: str(each.dtype) for name, each in described.states.items()} == found
    return found


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "complex64"])
@pytest.mark.parametrize("make", [jax.jit, lambda function: function], ids=["jit", "plain"])
def test_default_types_are_never_narrow(dtype: str, make: Any) -> None:
    mean = "complex64" if dtype == "complex64" else "float32"
    assert types_of(fs.jax.adam(**ADAM), dtype, make) == {"m": mean, "v": "float32"}
    assert types_of(fs.jax.rowwise_adagrad(lr=0.1, epsilon=0.1), dtype, make) == {"accum": "float32"}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bfloat16", {"m": "bfloat16", "v": "bfloat16"}),
        (np.float16, {"m": "float16", "v": "float16"}),
        (jax.numpy.dtype("bfloat16"), {"m": "bfloat16", "v": "bfloat16"}),
        (jax.numpy.float32, {"m": "float32", "v": "float32"}),
        ({"m": jax.numpy.bfloat16}, {"m": "bfloat16", "v": "float32"}),
        ({"m": None, "v": "float16"}, {"m": "float32", "v": "float16"}),
        ({}, {"m": "float32", "v": "float32"}),
        (None, {"m": "float32", "v": "float32"}),
    ],
)
def test_types_of_ones_choice(dtype: str, asked: Any, expected: dict[str, str]) -> None:
    assert types_of(fs.jax.adam(**ADAM, state_dtype=asked), dtype) == expected
    assert types_of(fs.jax.adam(0.1, state_dtype=asked), dtype) == expected


def test_types_of_optax_names_come_before_the_others() -> None:
    for given, expected in (
        ({"mu_dtype": "bfloat16"}, {"m": "bfloat16", "v": "float32"}),
        ({"mu_dtype": jax.numpy.float32, "state_dtype": "bfloat16"}, {"m": "float32", "v": "bfloat16"}),
        ({"mu_dtype": None, "state_dtype": {"m": "float16"}}, {"m": "float16", "v": "float32"}),
    ):
        assert types_of(fs.jax.adamw(0.1, **given), "float32") == expected
    with_momentum = fs.jax.sgd(0.1, momentum=0.9, accumulator_dtype="bfloat16")
    assert types_of(with_momentum, "float32") == {"momentum_buffer": "bfloat16"}


def test_float64() -> None:
    with jax.enable_x64(True):
        assert types_of(fs.jax.adam(0.1), "float64") == {"m": "float64", "v": "float64"}
        assert types_of(fs.jax.adam(0.1, mu_dtype="bfloat16"), "float64") == {"m": "bfloat16", "v": "float64"}
        assert types_of(fs.jax.adam(0.1), "complex128") == {"m": "complex128", "v": "float64"}
        with pytest.raises(TypeError, match=r"adam: m holds float64, expected float32, .* with a float32 parameter"):
            fs.jax.adam(0.1, mu_dtype="float64").init(jax.numpy.ones(2, "float32"))


def test_a_rule_of_ones_own() -> None:
    optimizer = fs.jax.transformation(momentum, lr=0.1, beta=0.5, state_dtype={"mean": "bfloat16"})
    assert types_of(optimizer, "float32") == {"mean": "bfloat16"}


def last_step(dtype: str, grads: np.ndarray, **types: Any) -> float:
    """The last step of Adam with a step size of 1, of a parameter of a type."""
    optimizer, params = fs.jax.adam(1.0, **types), jax.numpy.ones(4, dtype)

    def step(state: Any, grad: Any) -> tuple[Any, Any]:
        update, state = optimizer.update(jax.numpy.full(4, grad, dtype), state, params)
        return state, update

    _, updates = jax.lax.scan(step, optimizer.init(params), grads.astype(np.float32))
    return -float(updates[-1][0])


def test_second_moments_of_16_bit_parameters_decay() -> None:
    # After large gradients come small ones. In bfloat16 v stays, as 0.999 v rounds to v, and steps stay small.
    grads = np.concatenate([np.full(10, 1.0), np.full(3000, 0.01)])
    assert last_step("bfloat16", grads) == pytest.approx(last_step("float32", grads), rel=0.02)
    assert last_step("bfloat16", grads, state_dtype="bfloat16") < 0.3 * last_step("float32", grads)


def test_second_moments_of_small_gradients_are_not_0() -> None:
    # In float16 the square of 1e-3, times 1 - b2, is 0 when it is stored, and v is that of the last gradient alone.
    grads = np.full(1000, 1e-3)
    assert last_step("float16", grads) == pytest.approx(1, rel=0.01)
    assert last_step("float16", grads, state_dtype="float16") > 20


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("int32", "adam: state_dtype is int32, expected float32, float64, float16 or bfloat16"),
        ("nothing", "adam: state_dtype is nothing, expected float32"),
        (3.5, "adam: state_dtype is of type float, expected float32"),
        ({"m": "int8"}, r"adam: state_dtype\['m'\] is int8, expected float32"),
        ({"var": "float32"}, "adam: takes a state_dtype of m, v; not known: var"),
        ({"accum": "float32"}, "adam: takes a state_dtype of m, v; not known: accum"),
    ],
)
def test_invalid_types_are_refused(asked: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        fs.jax.adam(**ADAM, state_dtype=asked)


def test_complex_states_are_not_narrow() -> None:
    with pytest.raises(
        TypeError, match="adam: m is complex as its parameter, expected float32 or float64, got bfloat16"
    ):
        fs.jax.adam(0.1, mu_dtype="bfloat16").init(jax.numpy.ones(2, "complex64"))
    optimizer = fs.jax.adam(0.1, mu_dtype="complex64", state_dtype={"v": "bfloat16"})
    assert types_of(optimizer, "complex64") == {"m": "complex64", "v": "bfloat16"}
