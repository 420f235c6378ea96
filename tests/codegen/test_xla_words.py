"""The words of rules on arrays of JAX: values and derivatives."""

import itertools
from typing import Any

import numpy as np
import pytest

from fusedstep import words
from tests import reference

jax = pytest.importorskip("jax")


def test_every_word_has_a_meaning() -> None:
    from fusedstep.codegen.xla import words as xla_words

    assert {f"word_{name}" for name in words.__all__} <= vars(xla_words).keys()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("root", ["sqrt", "power", "power that is an array", "traced power"])
@pytest.mark.parametrize("divide", ["divide", "divide_or_zero"])
def test_quotients_by_roots_under_jit_are_numpys(divide: str, root: str, dtype: str) -> None:
    from fusedstep.codegen.xla import words as xla_words

    rng = np.random.default_rng(3)
    values, half = np.abs(rng.standard_normal(10_000)).astype(dtype), np.dtype(dtype).type(0.5)
    divided, by = rng.standard_normal(10_000).astype(dtype), getattr(xla_words, f"word_{divide}")

    def quotient(x: Any, y: Any, exponent: Any) -> Any:
        given = {"power": 0.5, "power that is an array": jax.numpy.asarray(half), "traced power": exponent}
        return by(x, xla_words.word_sqrt(y) if root == "sqrt" else xla_words.word_power(y, given[root]))

    with jax.enable_x64(dtype == "float64"):
        got = jax.jit(quotient)(divided, values, half)
    reference.assert_same_bits(got, divided / np.sqrt(values))


SPECIAL = np.array([0.0, -0.0, 0.5, 1.0, -1.5, 3.0, np.inf, -np.inf, np.nan], np.float32)
PAIRED = ("maximum", "minimum", "divide_or_zero")


@pytest.mark.parametrize("name", ["abs", "sign", "sqrt", *PAIRED])
def test_words_of_special_numbers(name: str) -> None:
    from fusedstep.codegen.xla import words as xla_words

    count = 2 if name in PAIRED else 1
    values = [np.array(each, np.float32) for each in zip(*itertools.product(SPECIAL, repeat=count), strict=True)]
    got = getattr(xla_words, f"word_{name}")(*map(jax.numpy.asarray, values))
    with np.errstate(all="ignore"):
        want = getattr(words, name)(*values)
    if name in ("maximum", "minimum"):
        # Of two zeros NumPy may give either.
        got, want = np.asarray(got) + 0, want + 0
    reference.assert_same_bits(got, want)


AT = [("sqrt", (1.7,)), ("log", (1.7,)), ("exp", (1.7,)), ("abs", (-1.7,))]
AT += [("divide", (1.7, -0.6)), ("divide_or_zero", (1.7, -0.6))]
AT += [("power", each) for each in ((1.7, -0.6), (1.7, 0.5), (1.7, 1.0), (0.0, 1.0), (0.0, 2.0), (-1.7, 2.0))]


@pytest.mark.parametrize(("name", "at"), AT)
def test_derivatives_of_words_are_those_of_jax(name: str, at: tuple[float, ...]) -> None:
    from fusedstep.codegen.xla import words as xla_words

    word, own = getattr(xla_words, f"word_{name}"), getattr(jax.numpy, "divide" if "divide" in name else name)
    # By an exponent there is a derivative at positive numbers only.
    by = tuple(range(len(at) if at[0] > 0 else 1))
    with jax.enable_x64(True):
        values = [jax.numpy.asarray(each, "float64") for each in at]
        # At 0 JAX has no second derivatives.
        for derived in (jax.grad, jax.hessian) if at[0] else (jax.grad,):
            np.testing.assert_allclose(derived(word, by)(*values), derived(own, by)(*values), rtol=1e-14)
        if name == "power":
            known = jax.grad(lambda x: word(x, np.float64(at[1])))(values[0])
            np.testing.assert_allclose(known, jax.grad(own)(*values), rtol=1e-14)
