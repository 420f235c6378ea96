"""Invalid arguments of ``dense_update``."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from tests.rules import test_rules_with_sums

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

FLOAT64 = np.dtype(np.float64)

ONE, WIDE = np.ones((3, 2), np.float32), np.ones((3, 2), np.int32)


ADAGRAD = {"lr": 0.1, "epsilon": 0.1}


def refused_call(var: Any = ONE, accum: Any = ONE, grad: Any = ONE) -> Any:
    return fs.jax.dense_update(fs.rules.adagrad, var, (accum,), grad, **ADAGRAD)


REFUSED: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "no tuple": (
        TypeError,
        "adagrad: states is of type .*, expected a tuple of accum",
        lambda: fs.jax.dense_update(fs.rules.adagrad, ONE, jax.numpy.asarray(ONE), ONE, **ADAGRAD),
    ),
    "too few": (
        ValueError,
        "adagrad: states holds 0 arrays, expected accum",
        lambda: fs.jax.dense_update(fs.rules.adagrad, ONE, (), ONE, **ADAGRAD),
    ),
    "none": (
        TypeError,
        "adagrad: accum is None, expected an array",
        lambda: fs.jax.dense_update(fs.rules.adagrad, ONE, (None,), ONE, **ADAGRAD),
    ),
    "integers": (
        TypeError,
        "adagrad: var holds int32, expected float32",
        lambda: fs.jax.dense_update(fs.rules.adagrad, WIDE, (ONE,), ONE, **ADAGRAD),
    ),
    "a shape": (
        ValueError,
        r"adagrad: accum has shape \(2,\), expected \(3, 2\), the shape of var",
        lambda: fs.jax.dense_update(fs.rules.adagrad, ONE, (ONE[0],), ONE, **ADAGRAD),
    ),
    "a row's shape": (
        ValueError,
        r"rowwise_adagrad: accum has shape \(3, 2\), expected \(3,\), one number per row",
        lambda: fs.jax.dense_update(fs.rules.rowwise_adagrad, ONE, (ONE,), ONE, **ADAGRAD),
    ),
    "a gradient's shape": (
        ValueError,
        r"adagrad: grad has shape \(2,\), expected \(3, 2\)",
        lambda: fs.jax.dense_update(fs.rules.adagrad, ONE, (ONE,), ONE[0], **ADAGRAD),
    ),
    "a gradient's type": (
        TypeError,
        "adagrad: grad holds float16, expected float32, the type of the variable",
        lambda: fs.jax.dense_update(fs.rules.adagrad, ONE, (ONE,), ONE.astype(np.float16), **ADAGRAD),
    ),
    "a vector by columns": (
        ValueError,
        r"adafactor: var has shape \(2,\), expected two dimensions or more",
        lambda: fs.jax.dense_update(
            fs.rules.adafactor, ONE[0], (None, ONE[0], ONE[0], None), ONE[0], **test_rules_with_sums.FACTOR
        ),
    ),
    "a scalar that is missing": (
        TypeError,
        "adagrad: takes the scalars lr, epsilon; missing: lr",
        lambda: fs.jax.dense_update(fs.rules.adagrad, ONE, (ONE,), ONE, epsilon=0.1),
    ),
    "a scalar that is unknown": (
        TypeError,
        "not known: rate",
        lambda: fs.jax.dense_update(fs.rules.adagrad, ONE, (ONE,), ONE, rate=0.1, **ADAGRAD),
    ),
    "a scalar of two": (
        ValueError,
        r"adagrad: lr has shape \(2,\), expected a scalar",
        lambda: fs.jax.dense_update(fs.rules.adagrad, ONE, (ONE,), ONE, lr=jax.numpy.ones(2), epsilon=0.1),
    ),
    "a scalar that is true": (
        TypeError,
        "adagrad: lr holds bool, expected a real number",
        lambda: fs.jax.dense_update(fs.rules.adagrad, ONE, (ONE,), ONE, lr=jax.numpy.array(True), epsilon=0.1),
    ),
    **{
        f"{type(given).__name__} as {name}": (
            TypeError,
            f"adagrad: {name} is {what}, expected an array of float32",
            partial(refused_call, **{name: given}),
        )
        for name, given, what in (
            ("var", {"weight": ONE}, "of type dict"),
            ("var", "weights", "of type str"),
            ("accum", [[1.0], [1.0, 2.0]], "of type list"),
            ("grad", None, "None"),
            ("grad", "gradients", "of type str"),
        )
    },
    "a type that JAX does not have": (
        TypeError,
        "adagrad: var holds >f4, expected an array of float32",
        lambda: refused_call(var=ONE.astype(">f4")),
    ),
    **{
        f"float64 as {name}": (
            TypeError,
            rf'adagrad: {name} holds float64, .* under jax.enable_x64\(True\), or pass \.astype\("float32"\)',
            partial(refused_call, **{name: ONE.astype(FLOAT64)}),
        )
        for name in ("var", "accum", "grad")
    },
    "a switch that is not a bool": (
        TypeError,
        "adam: use_nesterov is 1 of type int, expected True or False",
        lambda: fs.jax.dense_update(fs.rules.adam, ONE, (ONE, ONE), ONE, use_nesterov=1),
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_invalid_arguments_are_refused(name: str) -> None:
    error, message, call = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


def test_float64_goes_only_with_float64() -> None:
    with jax.enable_x64(True), pytest.raises(TypeError, match="accum holds float32, expected float64"):
        fs.jax.dense_update(fs.rules.adagrad, ONE.astype(FLOAT64), (ONE,), ONE.astype(FLOAT64), **ADAGRAD)
