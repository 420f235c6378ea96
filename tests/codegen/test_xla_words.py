"""The words of rules on arrays of JAX: values and derivatives."""

import itertools
from typing import Any

import numpy as np
import pytest

from fusedstep import words
from tests import reference
from tests.rules import test_words

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


SPECIAL = np.array([0.0, -0.0, 0.5, 1.0, -1.5, 3.0, 2.0**22 + 0.5, 1e30, np.inf, -np.inf, np.nan], np.float32)
PAIRED = ("maximum", "minimum", "divide_or_zero", "remainder")
ALONE = ("abs", "sign", "sqrt", "floor", "ceil", "isnan", "isinf", "isfinite")


@pytest.mark.parametrize("name", [*ALONE, *PAIRED, "clip"])
def test_words_of_special_numbers(name: str) -> None:
    from fusedstep.codegen.xla import words as xla_words

    count = 3 if name == "clip" else 2 if name in PAIRED else 1
    values = [np.array(each, np.float32) for each in zip(*itertools.product(SPECIAL, repeat=count), strict=True)]
    word = getattr(xla_words, f"word_{name}")
    for run in (word, jax.jit(word)):
        got = np.asarray(run(*map(jax.numpy.asarray, values)))
        with np.errstate(all="ignore"):
            want = getattr(words, name, np.remainder)(*values)
        if got.dtype == np.bool_:
            np.testing.assert_array_equal(got, want)
            continue
        if name in ("maximum", "minimum"):
            # Of two zeros NumPy may give either.
            got, want = got + 0, want + 0
        reference.assert_same_bits(got, want)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_remainders_are_numpys_for_quotients_of_every_size(dtype: str) -> None:
    from fusedstep.codegen.xla import words as xla_words

    rng, smallest = np.random.default_rng(4), -1020 if dtype == "float64" else -125
    first, second = (
        (np.exp2(rng.uniform(smallest, -smallest * 0.8, 5000)) * rng.choice([-1, 1], 5000)).astype(dtype)
        for _ in range(2)
    )
    want = np.remainder(first, second)
    # XLA flushes denormal numbers, also before they are moved to the other sign.
    normal = np.minimum(np.abs(want), np.abs(np.fmod(first, second))) >= np.finfo(dtype).tiny
    assert normal.sum() > 4000
    with jax.enable_x64(dtype == "float64"):
        for run in (xla_words.word_remainder, jax.jit(xla_words.word_remainder)):
            got = np.asarray(run(jax.numpy.asarray(first), jax.numpy.asarray(second)))
            reference.assert_same_bits(got[normal], want[normal])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_tanh_is_within_its_bound_everywhere(dtype: str) -> None:
    from fusedstep.codegen.xla import words as xla_words

    x = test_words.arguments_of_tanh(dtype)
    x = x[np.abs(x) >= np.finfo(dtype).tiny]
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30], dtype)
    with jax.enable_x64(dtype == "float64"):
        for run in (xla_words.word_tanh, jax.jit(xla_words.word_tanh)):
            got = np.asarray(run(jax.numpy.asarray(x)))
            assert test_words.units_of_tanh(got, x) <= 2.5
            got = np.asarray(run(jax.numpy.asarray(special)))
            reference.assert_same_bits(got, np.array([0.0, -0.0, 1, -1, np.nan, 1, -1], dtype))


@pytest.mark.parametrize("along", ["row", "column", "tensor"])
@pytest.mark.parametrize("kind", ["max", "min"])
def test_maxima_keep_a_nan_and_have_derivatives(along: str, kind: str) -> None:
    from fusedstep.codegen.xla import words as xla_words

    word, own = getattr(xla_words, f"word_{along}_{kind}"), getattr(words, f"{along}_{kind}")
    values = np.random.default_rng(2).standard_normal((5, 7)).astype(np.float32)
    for place in (None, (0, 0), (4, 6)):
        if place is not None:
            values[place] = np.nan
        for run in (word, jax.jit(word)):
            reference.assert_same_bits(np.asarray(run(jax.numpy.asarray(values))), own(values))
    slope = jax.grad(lambda x: word(x).sum())(jax.numpy.asarray([[1.0, 4.0], [3.0, 2.0]]))
    largest = {"row": [[0, 1], [1, 0]], "column": [[0, 1], [1, 0]], "tensor": [[0, 1], [0, 0]]}
    smallest = {"row": [[1, 0], [0, 1]], "column": [[1, 0], [0, 1]], "tensor": [[1, 0], [0, 0]]}
    assert slope.tolist() == (largest if kind == "max" else smallest)[along]


AT = [("sqrt", (1.7,)), ("log", (1.7,)), ("exp", (1.7,)), ("abs", (-1.7,))]
AT += [("divide", (1.7, -0.6)), ("divide_or_zero", (1.7, -0.6))]
AT += [("tanh", (each,)) for each in (0.3, -1.7, 3.0)] + [("floor", (1.7,)), ("ceil", (1.7,))]
AT += [("remainder", each) for each in ((1.7, 0.6), (-7.7, 0.6), (7.7, -0.6), (0.3, 1.7))]
AT += [("clip", each) for each in ((0.3, -1.0, 1.0), (-1.7, -1.0, 1.0), (1.7, -1.0, 1.0))]
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
