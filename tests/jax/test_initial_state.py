"""Initial states of parameters and of tables."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from tests import reference
from tests.jax.test_transformation import ADAGRAD, ADAM
from tests.rules import test_rules, test_rules_with_sums

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


@pytest.mark.parametrize("row", [*test_rules.RULES, *test_rules_with_sums.ROWS], ids=lambda row: row.rule.__name__)
def test_states_of_a_table_are_those_that_a_step_takes(row: Any) -> None:
    table = np.ones((4, 3), np.float32)
    states = fs.jax.initial_states(row.rule, table)
    kinds = fs.Operator(row.rule).spec.kinds[1:]
    assert [each is None for each in states] == [not kind for kind in kinds]
    _, after = fs.jax.dense_update(row.rule, table, states, table, **row.scalars)
    assert jax.tree.structure(after) == jax.tree.structure(states)


def test_states_of_a_table_under_jit_and_of_its_description() -> None:
    for name in ("float32", "bfloat16"):
        table = jax.numpy.ones((4, 3), name)
        described = jax.ShapeDtypeStruct(table.shape, table.dtype)
        for rule in (fs.rules.torch_adam, fs.rules.rowwise_adagrad, fs.rules.adafactor):

            def make(table: Any, rule: Callable[..., Any] = rule) -> Any:
                return fs.jax.initial_states(rule, table)

            states = make(table)
            assert {str(each.dtype) for each in states if each is not None} == {"float32"}
            jax.tree.map(reference.assert_same_bits, jax.jit(make)(table), states)
            jax.tree.map(reference.assert_same_bits, make(described), states)
            assert jax.eval_shape(make, described) == jax.eval_shape(lambda each: each, states)


def test_values_types_and_switches_of_states_of_a_table() -> None:
    table = np.ones((4, 3), np.float32)
    m, v, vhat = fs.jax.initial_states(
        fs.rules.torch_adam, table, initial={"v": 0.5}, state_dtype={"m": "bfloat16"}, amsgrad=True
    )
    assert m is not None
    assert v is not None
    assert vhat is not None
    assert (m.dtype, v.dtype, vhat.dtype) == ("bfloat16", "float32", "float32")
    assert ((m == 0).all(), (v == 0.5).all(), (vhat == 0).all()) == (True, True, True)
    # Each can be donated.
    assert m.unsafe_buffer_pointer() != v.unsafe_buffer_pointer() != vhat.unsafe_buffer_pointer()
    text = "def descent(var, mean, grad, *, lr): return var - lr * grad, mean + grad"
    (mean,) = fs.jax.initial_states(text, table)
    assert mean is not None
    assert mean.shape == (4, 3)
    with jax.enable_x64(True):
        (accum,) = fs.jax.initial_states(fs.rules.adagrad, table.astype(np.float64))
    assert accum is not None
    assert accum.dtype == "float64"


ONE = np.ones((4, 3), np.float32)
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "float64": (
        lambda: fs.jax.initial_states(fs.rules.adagrad, ONE.astype(np.float64)),
        TypeError,
        "adagrad: var holds float64, expected float32, the widest type of JAX here",
    ),
    "integers": (
        lambda: fs.jax.initial_states(fs.rules.adagrad, ONE.astype(int)),
        TypeError,
        "adagrad: var holds int.*, expected float32",
    ),
    "a description of integers": (
        lambda: fs.jax.initial_states(fs.rules.adagrad, jax.ShapeDtypeStruct((4, 3), "int32")),
        TypeError,
        "adagrad: var holds int32, expected float32",
    ),
    "none": (lambda: fs.jax.initial_states(fs.rules.adagrad, None), TypeError, "adagrad: var is None, expected"),
    "a vector by columns": (
        lambda: fs.jax.initial_states(fs.rules.adafactor, ONE[0]),
        ValueError,
        r"adafactor: var has shape \(3,\), expected two dimensions or more",
    ),
    "a scalar": (
        lambda: fs.jax.initial_states(fs.rules.torch_adam, ONE, lr=0.1),  # type: ignore[arg-type]
        TypeError,
        "torch_adam: no switch is called 'lr'; the rule's switches: amsgrad",
    ),
    "an unknown state": (
        lambda: fs.jax.initial_states(fs.rules.adagrad, ONE, initial={"m": 0.1}),
        TypeError,
        "adagrad: takes initial values of accum; not known: m",
    ),
    "a wide state": (
        lambda: fs.jax.initial_states(fs.rules.adagrad, ONE, state_dtype="float64"),
        TypeError,
        "adagrad: accum holds float64, expected float32, float16 or bfloat16 with a float32 var",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_states_of_a_table_that_are_refused(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


def test_tables_that_are_mapped() -> None:
    tables = np.ones((2, 4, 3), np.float32)
    (accum,) = jax.vmap(lambda table: fs.jax.initial_states(fs.rules.rowwise_adagrad, table))(tables)
    assert accum.shape == (2, 4)
