"""Updates without ``params``, of rules whose change is free of the parameter."""

from typing import Any

import numpy as np
import pytest

import fusedstep as fs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

# By the name of a factory its arguments; the rule's names first, then optax'.
FREE: list[tuple[str, dict[str, Any]]] = [
    ("adam", {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
    ("torch_sgd", {"lr": 0.1, "momentum": 0.9}),
    ("adamw", {"lr": lambda count: 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0}),
    ("adam_rowwise_bias_correction", {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
    *((name, {"learning_rate": 0.1}) for name in ("adadelta", "adagrad", "adam", "adamax", "amsgrad", "nadam")),
    *((name, {"learning_rate": 0.1}) for name in ("radam", "rmsprop", "sgd")),
    ("adamw", {"learning_rate": 0.1, "weight_decay": 0.0}),
    ("adamw", {"learning_rate": 0.1, "weight_decay": 0.3, "mask": False}),
    ("lion", {"learning_rate": 0.1, "weight_decay": 0.0}),
    ("adafactor", {"learning_rate": 0.1, "multiply_by_parameter_scale": False, "min_dim_size_to_factor": 2}),
]
BOUND: list[tuple[str, dict[str, Any]]] = [
    ("adamw", {"learning_rate": 0.1}),
    ("adamw", {"learning_rate": 0.1, "weight_decay": lambda count: 0.0}),
    ("lamb", {"learning_rate": 0.1}),
    ("lars", {"learning_rate": 0.1}),
    ("lion", {"learning_rate": 0.1}),
    ("adafactor", {"learning_rate": 0.1}),
    ("ftrl", {"lr": 0.1, "l1": 0.0, "l2": 0.0}),
    ("torch_sgd", {"lr": 0.1, "weight_decay": 0.1}),
]


def leaves(dtype: str = "float32") -> dict[str, Any]:
    rng = np.random.default_rng(2)
    return {
        name: jax.numpy.asarray(rng.standard_normal(shape), dtype) for name, shape in (("a", (4, 3)), ("b", (2, 3, 5)))
    }


@pytest.mark.parametrize(("name", "given"), FREE, ids=lambda each: each if isinstance(each, str) else "")
def test_updates_are_the_same_without_params(name: str, given: dict[str, Any]) -> None:
    optimizer, params, grads = getattr(fs.jax, name)(**given), leaves(), leaves()
    states = [optimizer.init(params)] * 2
    for _ in range(2):
        update, states[0] = optimizer.update(grads, states[0], params)
        alone, states[1] = optimizer.update(grads, states[1])
        jax.tree.map(np.testing.assert_array_equal, (update, states[0]), (alone, states[1]))


@pytest.mark.parametrize(("name", "given"), BOUND, ids=lambda each: each if isinstance(each, str) else "")
def test_rules_that_need_params_say_so(name: str, given: dict[str, Any]) -> None:
    optimizer, params = getattr(fs.jax, name)(**given), leaves()
    with pytest.raises(ValueError, match=rf"{name}: params is None, .* call update\(grads, state, params\)"):
        optimizer.update(params, optimizer.init(params))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "complex64"])
def test_without_params_updates_have_the_type_of_gradients(dtype: str) -> None:
    optimizer, grads = fs.jax.adam(0.1), leaves(dtype)
    update, _ = jax.jit(optimizer.update)(grads, optimizer.init(grads))
    assert {str(each.dtype) for each in jax.tree.leaves(update)} == {dtype}


def test_small_changes_are_not_rounded_to_the_last_place_of_parameters() -> None:
    params, grads = jax.numpy.full(3, 1000.0), jax.numpy.full(3, 1e-6)
    update, _ = fs.jax.sgd(0.1).update(grads, fs.jax.sgd(0.1).init(params), params)
    np.testing.assert_allclose(update, -1e-7, rtol=1e-6)


def test_transformations_of_optax_that_pass_no_params() -> None:
    params, grads = leaves(), leaves()
    for wrapped in (
        optax.chain(optax.clip(1.0), fs.jax.adam(0.1), optax.scale(0.5)),
        optax.inject_hyperparams(fs.jax.adam)(learning_rate=0.1),
        optax.inject_hyperparams(fs.jax.sgd)(learning_rate=0.1, momentum=0.9),
        optax.masked(fs.jax.adam(0.1), {"a": True, "b": False}),
    ):
        update, _ = wrapped.update(grads, wrapped.init(params))
        assert jax.tree.structure(update) == jax.tree.structure(grads)
