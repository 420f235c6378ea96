"""Each word alone, on every pair of special numbers, against its meaning in NumPy."""

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from itertools import product
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep import words
from fusedstep.rules.idle import idle
from tests import reference

SPECIAL = [0.0, 1.0, 0.5, 3.0, 1e-30, 1e30, 1e-40, 1e-45, 65504.0, np.inf]
SPECIAL = [*SPECIAL, *(-each for each in SPECIAL), np.nan]


def each_word(one: Any, two: Any, three: Any, four: Any, five: Any, grad: Any) -> tuple[Any, ...]:
    return (
        words.sign(one),
        words.sqrt(two),
        words.abs(three),
        words.divide_or_zero(four, grad),
        words.where((five <= grad) | ~(grad < 1), five, -grad),
    )


def larger_and_smaller(larger: Any, smaller: Any, grad: Any) -> tuple[Any, Any]:
    return words.maximum(larger, grad), words.minimum(smaller, grad)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_each_word(dtype: str) -> None:
    first, second = (each.ravel() for each in np.meshgrid(np.array(SPECIAL, dtype), np.array(SPECIAL, dtype)))
    states = [first.copy() for _ in range(5)]
    expected = reference.step(each_word, states, second, None, "touched", {})
    fs.Operator(each_word)(*states, second)
    for word, got, want in zip(("sign", "sqrt", "abs", "divide_or_zero", "where"), states, expected, strict=True):
        reference.assert_same_bits(got, want, word)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_maximum_and_minimum(dtype: str) -> None:
    first, second = (each.ravel() for each in np.meshgrid(np.array(SPECIAL, dtype), np.array(SPECIAL, dtype)))
    states = [first.copy() for _ in range(2)]
    expected = reference.step(larger_and_smaller, states, second, None, "touched", {})
    fs.Operator(larger_and_smaller)(*states, second)
    for got, want in zip(states, expected, strict=True):
        # Which of 0 and -0 is the larger NumPy leaves to the CPU.
        reference.assert_same_bits(got + 0.0, want + 0.0)


# What the words of whole numbers treat in a special way, too: halves, and the largest numbers with places behind the
# point; with these, quotients have up to 2,000 digits.
WHOLE = [1.5, 7.25, 2.0**22 + 0.5, 2.0**51 + 0.5, 2.0**53, 1e300, 5e-324]
WHOLE = [*SPECIAL, *WHOLE, *(-each for each in WHOLE)]
FURTHER = ("clip", "floor", "ceil", "isnan", "isinf and isfinite", "%")


def further_words(
    one: Any, two: Any, three: Any, four: Any, five: Any, six: Any, grad: Any, *, low: Any
) -> tuple[Any, ...]:
    return (
        words.where(grad > 0, words.clip(one, low, grad), words.clip(one, grad, -low)),
        words.floor(two),
        words.ceil(three),
        words.where(words.isnan(four), 1, four),
        words.where(words.isinf(five) & ~words.isinf(grad), 1, 0) + words.where(words.isfinite(five), 2, 0),
        six % grad,
    )


def pairs(dtype: str) -> list[np.ndarray]:
    """Every pair of the special numbers, as two arrays."""
    with np.errstate(over="ignore"):
        values = np.array(WHOLE).astype(reference.DTYPES[dtype])
    return [each.ravel() for each in np.meshgrid(values, values)]


@pytest.mark.parametrize("dtype", reference.DTYPES)
def test_each_further_word(dtype: str) -> None:
    first, second = pairs(dtype)
    states = [first.copy() for _ in FURTHER]
    expected = reference.step(further_words, states, second, None, "touched", {"low": -0.7})
    fs.Operator(further_words)(*states, second, low=-0.7)
    for word, got, want in zip(FURTHER, states, expected, strict=True):
        reference.assert_same_bits(got, want, word)


def remainders(var: Any, grad: Any) -> Any:
    return var % grad


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_remainders_are_numpys_for_quotients_of_every_size(dtype: str) -> None:
    rng, smallest = np.random.default_rng(4), -1074 if dtype == "float64" else -149
    first, second = (
        (np.exp2(rng.uniform(smallest, -smallest * 0.8, 20_000)) * rng.choice([-1, 1], 20_000)).astype(dtype)
        for _ in range(2)
    )
    want = np.remainder(first, second)
    fs.Operator(remainders)(first, second)
    reference.assert_same_bits(first, want)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_clip_is_numpys_between_two_numbers(dtype: str) -> None:
    for low, high in ((-1.0, 0.5), (-0.0, 0.0), (0.0, -0.0), (2.0, 1.0), (-np.inf, np.inf)):
        values = np.array(WHOLE).clip(-1e38, 1e38).astype(dtype)
        want = np.clip(values, low, high)
        reference.assert_same_bits(words.clip(values, low, high), want, f"{low} {high}")
        state = values.copy()
        fs.Operator(clipped)(state, values, low=low, high=high)
        reference.assert_same_bits(state, want, f"{low} {high}")
    for bounds in ((np.nan, 1.0), (0.0, np.nan)):
        assert np.isnan(words.clip(np.array([-1.0, 0.5, 2.0]), *bounds)).all()


def clipped(var: Any, grad: Any, *, low: Any, high: Any) -> Any:
    return words.clip(var, low, high)


def of_tanh(var: Any, grad: Any) -> Any:
    return words.tanh(grad)


def exact_tanh(x: float) -> Decimal:
    """The hyperbolic tangent, to more than 30 digits."""
    with localcontext() as context:
        context.prec = 80
        if abs(x) < 1e-15:
            return Decimal(x) - Decimal(x) ** 3 / 3
        grown = (2 * min(abs(Decimal(x)), Decimal(99))).exp() - 1
        return (grown / (grown + 2)).copy_sign(Decimal(x))


def units_of_tanh(got: np.ndarray, x: np.ndarray) -> float:
    """How far results are from the hyperbolic tangents, at most, in units in the last place of those."""
    found = 0.0
    for value, given in zip(got.tolist(), x.tolist(), strict=True):
        exact = exact_tanh(given)
        unit = float(np.spacing(np.abs(got.dtype.type(exact))))
        found = max(found, float(abs(Decimal(value) - exact) / Decimal(unit)))
    return found


def arguments_of_tanh(dtype: str, count: int = 1500) -> np.ndarray:
    """Numbers of every size, most of them where the result is neither the number nor 1."""
    rng, smallest = np.random.default_rng(5), -1074 if dtype == "float64" else -149
    small = np.exp2(rng.uniform(smallest, 1, count))
    x = np.concatenate([small, rng.uniform(0, 0.4, count), rng.uniform(0, 3, count), rng.uniform(0, 23, count)])
    return (x * rng.choice([-1, 1], x.size)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_tanh_is_within_its_bound_everywhere(dtype: str) -> None:
    x = arguments_of_tanh(dtype)
    got = np.zeros_like(x)
    fs.Operator(of_tanh)(got, x)
    assert units_of_tanh(got, x) <= 2.5
    assert (np.abs(got) <= 1).all()
    opposite = np.zeros_like(x)
    fs.Operator(of_tanh)(opposite, -x)
    reference.assert_same_bits(opposite, -got)
    tiny = np.finfo(dtype).smallest_subnormal
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, tiny, -tiny, 1e30, -1e30], dtype)
    got = np.zeros_like(special)
    fs.Operator(of_tanh)(got, special)
    reference.assert_same_bits(got, np.array([0.0, -0.0, 1, -1, np.nan, tiny, -tiny, 1, -1], dtype))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_tanh_of_16_bits_is_the_nearest_number(dtype: str) -> None:
    bits = np.arange(2**16, dtype=np.uint32)
    wide = (bits << 16).view(np.float32) if dtype == "bfloat16" else bits.astype(np.uint16).view(np.float16)
    x = wide[~np.isnan(wide)].astype(reference.DTYPES[dtype])
    got, want = np.zeros_like(x), np.tanh(x.astype(np.float64))
    fs.Operator(of_tanh)(got, x)
    place = np.spacing(np.abs(want.astype(np.float32))).astype(np.float64)
    place = place * 2**16 if dtype == "bfloat16" else np.maximum(place * 2**13, 2.0**-24)
    # Nearly the nearest: float32's error lies far below half a place.
    assert (np.abs(got.astype(np.float64) - want) <= 0.501 * place).all()


def of_scalars(var: Any, grad: Any, *, lr: Any, low: Any) -> Any:
    """The words of scalars alone, which are evaluated in float64."""
    whole = words.floor(lr * 25) + words.ceil(lr) * 3 + 7.5 % lr + -lr % low + 7 % 4
    known = words.where(words.isnan(lr) | ~words.isfinite(low) | words.isinf(lr), 0, words.tanh(lr))
    return var - whole * grad - known * words.clip(lr, low, 0.5)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_words_of_scalars_alone_are_float64(dtype: str) -> None:
    for lr, low in ((0.1, 0.3), (-0.7, -2.5), (3.0, 1.0)):
        var, grad = np.zeros(3, dtype), np.zeros(3, dtype)
        grad[0] = 1
        want = of_scalars(var.astype(np.float64), grad.astype(np.float64), lr=lr, low=low).astype(dtype)
        fs.Operator(of_scalars)(var, grad, lr=lr, low=low)
        np.testing.assert_allclose(var, want, rtol=4 * np.finfo(dtype).eps)


def turning(var: Any, angle: Any, grad: Any, *, lr: Any, limit: Any) -> tuple[Any, Any]:
    """A rule that turns by as much in every step; its numbers are exact."""
    return words.clip(var - grad, -limit, limit), (angle + lr + grad) % 4


def turned(turn: Any = 0.0, *, lr: Any) -> tuple[Any]:
    return (turn + lr,)


@idle(turning, kept=turned, constant=("limit",))
def turning_idle(var: Any, angle: Any, *, turn: Any, limit: Any) -> tuple[Any, Any, Any]:
    whole = words.floor(turn / 4) * 4
    valid = words.isfinite(var) & (words.tanh(words.ceil(turn)) <= 1)
    return words.clip(var, -limit, limit), (angle + (turn - whole) % 4) % 4, valid


def wander(table: fs.DeferredRows, stepped: list[Any], placed: Callable[..., Any], dtype: str, steps: int) -> None:
    """Steps of a deferred table, and of every row of other arrays."""
    rng, every = np.random.default_rng(3), fs.Operator(turning)
    for step in range(steps):
        grad, indices = placed((rng.integers(-8, 8, (2, 5)) / 8).astype(dtype)), placed(rng.integers(0, 9, 2))
        scalars = {"lr": (step % 5) / 4, "limit": 2.0}
        table.step(grad, indices, **scalars)
        every(*stepped, grad, indices, rows="every", **scalars)
    table.flush()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_closed_forms_of_the_words(dtype: str) -> None:
    deferred, stepped = ([np.arange(45.0, dtype=dtype).reshape(9, 5) / 8 for _ in range(2)] for _ in range(2))
    deferred[0][3, 3] = stepped[0][3, 3] = np.nan
    wander(fs.DeferredRows(turning, *deferred), stepped, lambda array: array, dtype, 30)
    for got, want in zip(deferred, stepped, strict=True):
        reference.assert_same_bits(got, want)


def by_numpys_names(var: Any, other: Any, grad: Any) -> tuple[Any, Any]:
    other = np.where(np.isnan(other) | np.isinf(other), 0, np.ceil(other)) + np.where(np.isfinite(grad), 1, 0)
    return np.clip(np.floor(var), -1, 1) + np.tanh(grad * 0), other


def by_maths_names(var: Any, other: Any, grad: Any) -> tuple[Any, Any]:
    other = words.where(math.isnan(other) | math.isinf(other), 0, math.ceil(other))
    return words.clip(math.floor(var), -1, 1) + math.tanh(grad * 0), other + words.where(math.isfinite(grad), 1, 0)


@pytest.mark.parametrize("rule", [by_numpys_names, by_maths_names])
def test_names_of_numpy_and_math_are_words(rule: Any) -> None:
    var, other, grad = np.array([-2.5, 0.5, 7.0]), np.array([np.nan, np.inf, 1.5]), np.ones(3)
    fs.Operator(rule)(var, other, grad)
    assert var.tolist() == [-1.0, 0.0, 1.0]
    assert other.tolist() == [1.0, 1.0, 3.0]


def by_other_remainder(var: Any, grad: Any) -> Any:
    return math.remainder(var, grad)


def by_a_method_of_a_word(var: Any, grad: Any) -> Any:
    return np.maximum.reduce(var) * grad


def of_a_condition(var: Any, grad: Any) -> Any:
    return var - words.isnan(grad) % words.isinf(grad)


def that_is_a_condition(var: Any, grad: Any) -> Any:
    return words.isnan(var)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (by_other_remainder, "neither a word of fusedstep.words"),
        (by_a_method_of_a_word, "neither a word of fusedstep.words"),
        (of_a_condition, "of conditions is invalid"),
        (that_is_a_condition, "returns a condition for a state"),
    ],
)
def test_what_is_no_word(rule: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        fs.Operator(rule)(np.ones(2), np.ones(2))


def powers(var: Any, total: Any, grad: Any, *, one: Any, two: Any) -> tuple[Any, Any]:
    return words.power(var, one) + words.power(total, two), words.power(total, two) * grad


@pytest.mark.parametrize(("one", "two"), [(0.5, 0.5), (0.5, 0.3), (0.3, 0.5), (0.7, 1.5)])
@pytest.mark.parametrize("indices", [None, np.array([3, 0, 3])], ids=["dense", "touched"])
def test_roots_among_powers(one: float, two: float, indices: np.ndarray | None) -> None:
    random = np.random.default_rng(1)
    states = [random.random((5, 33)) for _ in range(2)]
    grad = random.random((5, 33) if indices is None else (3, 33))
    expected = reference.step(powers, states, grad, indices, "touched", {"one": one, "two": two})
    fs.Operator(powers)(*states, grad, indices, one=one, two=two)
    for got, want in zip(states, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)


def test_the_public_words_are_those_of_the_rules() -> None:
    assert set(words.__all__) == set(fs.rules.words.__all__)
    for name in words.__all__:
        assert getattr(words, name) is getattr(fs.rules.words, name)


FLOATS = ("float16", "float32", "float64")
OF_TWO = ("divide_or_zero", "maximum", "minimum", "power", "where")
CONDITIONS = ("isfinite", "isinf", "isnan")
OF_ONE = [name for name in words.__all__ if name not in (*OF_TWO, *CONDITIONS, "clip")]


def operands(value: float) -> list[Any]:
    """A number as Python's, and of each type as NumPy's, as an array without dimensions and as one with some."""
    arrays = [np.full(shape, value, dtype) for dtype in FLOATS for shape in ((), (2, 2))]
    return [value, *arrays, *(np.dtype(dtype).type(value) for dtype in FLOATS)]


@pytest.mark.parametrize("word", OF_TWO)
@pytest.mark.parametrize("value", [0.0, 0.5, 3.0])
def test_a_word_of_two_has_the_type_of_their_sum(word: str, value: float) -> None:
    before = (True,) if word == "where" else ()
    for x, y in product(operands(0.3), operands(value)):
        got = getattr(words, word)(*before, x, y)
        assert np.asarray(got).dtype == np.asarray(x + y).dtype, (x, y)
        assert np.shape(got) == np.shape(x + y), (x, y)


@pytest.mark.parametrize("word", OF_ONE)
def test_a_word_of_one_keeps_its_type(word: str) -> None:
    for x in (each for each in operands(0.5) if np.ndim(each)):
        assert getattr(words, word)(x).dtype == x.dtype


@pytest.mark.parametrize("word", CONDITIONS)
def test_a_word_that_asks_gives_conditions(word: str) -> None:
    for x in operands(0.5):
        assert np.asarray(getattr(words, word)(x)).dtype == np.bool_
        assert np.shape(getattr(words, word)(x)) == np.shape(x)


def test_clip_has_the_type_of_the_sum_of_all() -> None:
    for x, low in product(operands(0.3), operands(0.5)):
        got = words.clip(x, low, 1)
        assert np.asarray(got).dtype == np.asarray(x + low).dtype, (x, low)
        assert np.shape(got) == np.shape(x + low), (x, low)


def test_a_quotient_is_rounded_once_and_to_its_type() -> None:
    for dtype in map(np.dtype, FLOATS):
        three, third = dtype.type(3), dtype.type(1) / dtype.type(3)
        for x, y in ((np.full(2, 1, dtype), three), (1.0, np.full(2, 3, dtype)), (dtype.type(1), three)):
            assert np.unique(words.divide_or_zero(x, y)) == third
            assert np.asarray(words.divide_or_zero(x, y)).dtype == dtype
    assert words.divide_or_zero(1.0, 3.0) == 1.0 / 3.0
    assert words.divide_or_zero(np.array([1, 2]), 0).tolist() == [0.0, 0.0]
    # What is 0 in the type of the quotient divides nothing, as in a kernel.
    assert words.divide_or_zero(np.ones(2, np.float32), 1e-50).tolist() == [0.0, 0.0]
