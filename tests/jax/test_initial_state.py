"""Initial states of parameters."""

import numpy as np
import pytest

import fusedstep as fs
from tests import reference
from tests.jax.test_transformation import ADAGRAD, ADAM
from tests.rules import test_rules_with_sums

jax = pytest.importorskip("jax")
pytest.importorskip("optax")


def test_states_of_a_description_are_those_of_its_parameter() -> None:
    for name in ("float32", "bfloat16"):
        params = {"table": jax.numpy.ones((4, 3), name), "none": None}
        described = jax.tree.map(lambda each: jax.ShapeDtypeStruct(each.shape, each.dtype), params)
        for optimizer in (fs.jax.rowwise_adagrad(**ADAGRAD, initial={"accum": 0.5}), fs.jax.adam(**ADAM)):
            jax.tree.map(reference.assert_same_bits, optimizer.init(described), optimizer.init(params))
            shapes = jax.tree.map(lambda each: (each.shape, each.dtype), jax.eval_shape(optimizer.init, described))
            assert shapes == jax.tree.map(lambda each: (each.shape, each.dtype), optimizer.init(params))


def test_initial_values() -> None:
    params = {"weight": jax.numpy.ones((2, 3))}
    state = fs.jax.adagrad(lr=0.1, epsilon=0.0, initial={"accum": 0.5}).init(params)
    assert (state.states["accum"]["weight"] == 0.5).all()
    start = jax.jit(lambda value: fs.jax.adagrad(**ADAGRAD, initial={"accum": value}).init(params))
    assert (start(np.full(1, 0.25, np.float32)).states["accum"]["weight"] == 0.25).all()
    with pytest.raises(TypeError, match="adagrad: takes initial values of accum; not known: var"):
        fs.jax.adagrad(lr=0.1, epsilon=0.0, initial={"var": 1.0})


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
