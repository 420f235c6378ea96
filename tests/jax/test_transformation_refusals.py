"""Invalid arguments of transformations."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.storage import STORAGES, one_of
from tests.jax.test_transformation import ADAGRAD, ADAM
from tests.rules import test_rules_with_sums

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")


BESIDE_FLOAT32 = [each.name for each in STORAGES.values() if each.compute == "float32"]
ONE = np.ones(2, np.float32)
PENALTIES = {"lr": 0.1, "l1": 0.1, "l2": 0.1}


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
        r"proximal_adagrad: params is None, .* call update\(grads, state, params\)",
        lambda: fs.jax.proximal_adagrad(**PENALTIES).update(ONE, fs.jax.proximal_adagrad(**PENALTIES).init(ONE)),
    ),
    "a vector by columns": (
        ValueError,
        r"adafactor: a parameter has shape \(3,\), expected two dimensions or more, .* optax.multi_transform",
        lambda: fs.jax.adafactor(**test_rules_with_sums.FACTOR).init(np.ones(3, np.float32)),
    ),
    "bools": (
        TypeError,
        "adam: a parameter holds bool, expected float32",
        lambda: fs.jax.adam(**ADAM).init(np.ones(3, bool)),
    ),
    **{
        f"a description of {what}": (
            TypeError,
            rf"adam: a parameter holds {what}, expected float32",
            partial(lambda what: fs.jax.adam(**ADAM).init(jax.ShapeDtypeStruct((3,), what)), what),
        )
        for what in ("bool", "float8_e5m2")
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
            f"adagrad: a gradient holds {given.dtype}, expected {one_of()}",
            partial(adagrad_after, given),
        )
        for given in (np.ones(2, bool), np.ones(2, jax.numpy.float8_e5m2))
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
    "no state": (
        TypeError,
        "adagrad: state is None, expected a RuleState; pass the result of init or of the last update",
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
    "a count of another type": (
        TypeError,
        "adagrad: state.count is 0.5, expected an integer",
        lambda: adagrad_after(state=fs.jax.RuleState(0.5, {"accum": ONE})),
    ),
    "counts": (
        TypeError,
        r"adagrad: state.count is array\(.*, expected an integer",
        lambda: adagrad_after(state=fs.jax.RuleState(np.ones(2, int), {"accum": ONE})),
    ),
    "a state's tree": (
        ValueError,
        "adagrad: accum is not the same tree as the gradients: ",
        lambda: adagrad_after({"weight": ONE}, params={"weight": ONE}, accum={"bias": ONE}),
    ),
    "parameters' tree": (
        ValueError,
        "adagrad: params is not the same tree as the gradients: ",
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
    "a state of float64": (
        TypeError,
        f"adagrad: accum holds float64, expected {one_of(BESIDE_FLOAT32)} with a float32 parameter",
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
def test_invalid_arguments_are_refused(name: str) -> None:
    error, message, call = REFUSED[name]
    with pytest.raises(error, match=message):
        call()
