"""Arrays of JAX where arrays are updated in place: the message names the functions for them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs

jax = pytest.importorskip("jax")


def array() -> np.ndarray:
    return np.ones((3, 2), np.float32)


def given() -> Any:
    return jax.numpy.ones((3, 2))


def traced(call: Callable[[Any], Any]) -> Any:
    return jax.eval_shape(call, given())


ADAGRAD, DESCENT = fs.Operator(fs.rules.adagrad), fs.Operator(fs.rules.gradient_descent)
SPARSE = fs.ops.FusedSparseLazyAdam()
REFUSED: dict[str, tuple[str, Callable[[], Any]]] = {
    "a variable": ("adagrad: var", lambda: ADAGRAD(given(), array(), array(), lr=0.1)),
    "a state": ("adagrad: accum", lambda: ADAGRAD(array(), given(), array(), lr=0.1)),
    "a variable of 16 bits": (
        "gradient_descent: var",
        lambda: DESCENT(given().astype("bfloat16"), array(), lr=0.1),
    ),
    "an operator's variable": (
        "FusedSparseLazyAdam: var",
        lambda: SPARSE(given(), given(), given(), 0.9, 0.9, 0.1, 0.9, 0.9, 1e-8, array(), np.arange(3)),
    ),
    "a deferred table": (
        r"DeferredRows\(adam\): var",
        lambda: fs.DeferredRows(fs.rules.adam, given(), array(), array()),
    ),
    "a deferred table's state": (
        r"DeferredRows\(adam\): v",
        lambda: fs.DeferredRows(fs.rules.adam, array(), array(), given()),
    ),
    "a traced variable": ("gradient_descent: var", lambda: traced(lambda var: DESCENT(var, array(), lr=0.1))),
    "a traced gradient": ("gradient_descent: grad", lambda: traced(lambda grad: DESCENT(array(), grad, lr=0.1))),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_the_message_names_the_functions_for_them(what: str) -> None:
    argument, call = REFUSED[what]
    with pytest.raises(TypeError, match=rf"{argument} is an array of JAX, .* fusedstep\.jax\.dense_update, or sparse_"):
        call()


def test_gradients_and_indices_may_be_theirs() -> None:
    var, accum = array(), array()
    ADAGRAD(var, accum, given(), jax.numpy.arange(3), lr=0.5)
    np.testing.assert_array_equal(accum, 2)
