"""The words of rules on whole arrays of JAX.

Where no argument is an array of JAX, the value is known now, and NumPy computes it. Choices are written out where zeros
and NaNs must have the signs that kernels on the CPU give them.

A derivative is a product of partial derivatives. An infinite or undefined one would make the product NaN, even where
``where`` takes the other branch or the next factor is 0. Such a partial derivative counts as 0.

A rule is written for real numbers. With complex ones the product of two is the real part of one times the conjugate of
the other: so the square of a gradient is that of its magnitude, as in optax, and second moments are real.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from ...rules import words

Word = Callable[..., Any]
# The logarithm of 2 in two parts, of which products of the first with small whole numbers are exact.
LN2_OF_FLOAT32 = 0.693359375, -0.00021219444005469057
LN2_OF_FLOAT64 = 0.6931471803691238, 1.9082149292705877e-10
LOG2_E = 1.4426950408889634


def numpy_for_constants(reference: Word) -> Callable[[Word], Word]:
    """Decorate a word of arrays: call its ``reference`` where no argument is an array."""

    def decorate(word: Word) -> Word:
        @wraps(word)
        def dispatch(*values: Any) -> Any:
            return (word if any(isinstance(value, Array) for value in values) else reference)(*values)

        return dispatch

    return decorate


def with_derivatives(*partials: Word) -> Callable[[Word], Word]:
    """Decorate a word of arrays of one shape and type with its partial derivative by each of them.

    A partial derivative is a function of the word's value and its arguments. The word's value stays the same. Partial
    derivatives are made of such words, so that second derivatives are finite, too.
    """

    def decorate(word: Word) -> Word:
        derived = jax.custom_jvp(word)

        @derived.defjvp
        def jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
            # JAX may take derivatives when float64 is off again. What depends on scalars alone is float64 even then.
            with jax.enable_x64(True):
                value = derived(*primals)
                factors = [partial(value, *primals) for partial in partials]
                terms = [each * jnp.where(jnp.isinf(by), 0, by) for each, by in zip(tangents, factors, strict=True)]
                return value, sum(terms[1:], terms[0])

        return wraps(word)(derived)

    return decorate


def compute_as(dtype: str, x: Any) -> Any:
    """Convert a value to the compute type; a condition to 0 or 1."""
    return lax.convert_element_type(x, dtype) if isinstance(x, Array) else np.dtype(dtype).type(x)


@numpy_for_constants(np.logical_not)
def word_not(x: Any) -> Any:
    return jnp.logical_not(x)


def is_complex(x: Any) -> bool:
    return isinstance(x, Array) and jnp.iscomplexobj(x)


def ordered(x: Any) -> Any:
    """A number that can be compared with others.

    Raises:
        TypeError: it is complex.
    """
    if is_complex(x):
        raise TypeError("the rule compares values, and complex numbers have no order")
    return x


def word_multiply(x: Any, y: Any) -> Any:
    if not (is_complex(x) and is_complex(y)):
        return x * y
    return x.real * y.real + x.imag * y.imag


def by_parts(divide: Word) -> Word:
    """A division that divides real and imaginary parts of complex numbers by a real number."""

    def divided(x: Any, y: Any) -> Any:
        if is_complex(y):
            return divide(*jnp.broadcast_arrays(lax.convert_element_type(x, y.dtype), y))
        if is_complex(x):
            return lax.complex(divided(x.real, y), divided(x.imag, y))
        return divide(*jnp.broadcast_arrays(x, y))

    return divided


@numpy_for_constants(np.divide)
def word_divide(x: Any, y: Any) -> Any:
    # Where all divisors are one known number, XLA multiplies by its rounded inverse.
    return by_parts(quotient)(x, y)


@with_derivatives(lambda value, x, y: or_zero(jnp.ones_like(y), y), lambda value, x, y: -or_zero(value, y))
def quotient(x: Any, y: Any) -> Any:
    return lax.div(x, y)


@with_derivatives(lambda value, x, y: or_zero(jnp.ones_like(y), y), lambda value, x, y: -or_zero(value, y))
def or_zero(x: Any, y: Any) -> Any:
    return jnp.where(y == 0, y.dtype.type(0), lax.div(x, y))


def root(x: Any) -> Any:
    # XLA turns x / sqrt(y) into a product with the rounded rsqrt(y). The maximum changes no root and prevents that.
    return lax.max(lax.sqrt(x), jnp.full_like(x, -1))


@numpy_for_constants(words.sqrt)
@with_derivatives(lambda value, x: or_zero(jnp.full_like(x, 0.5), jnp.where(x <= 0, 0, value)))
def word_sqrt(x: Any) -> Any:
    return root(ordered(x))


@numpy_for_constants(words.abs)
def word_abs(x: Any) -> Any:
    return jnp.abs(x)


@numpy_for_constants(words.sign)
def word_sign(x: Any) -> Any:
    if is_complex(x):
        return jnp.sign(x)
    # XLA's own sign keeps the sign of -0.
    one, zero = x.dtype.type(1), x.dtype.type(0)
    return jnp.where(x > 0, one, jnp.where(x < 0, -one, jnp.where(x == 0, zero, x)))


@numpy_for_constants(words.maximum)
def word_maximum(x: Any, y: Any) -> Any:
    return jnp.where((ordered(x) >= ordered(y)) | (x != x), x, y)


@numpy_for_constants(words.minimum)
def word_minimum(x: Any, y: Any) -> Any:
    return jnp.where((ordered(x) <= ordered(y)) | (x != x), x, y)


@numpy_for_constants(words.clip)
def word_clip(x: Any, low: Any, high: Any) -> Any:
    return word_minimum(word_maximum(x, low), high)


@numpy_for_constants(words.floor)
def word_floor(x: Any) -> Any:
    return jnp.floor(x)


@numpy_for_constants(words.ceil)
def word_ceil(x: Any) -> Any:
    return jnp.ceil(x)


@numpy_for_constants(words.isnan)
def word_isnan(x: Any) -> Any:
    return jnp.isnan(x)


@numpy_for_constants(words.isinf)
def word_isinf(x: Any) -> Any:
    return jnp.isinf(x)


@numpy_for_constants(words.isfinite)
def word_isfinite(x: Any) -> Any:
    return jnp.isfinite(x)


@numpy_for_constants(np.remainder)
def word_remainder(x: Any, y: Any) -> Any:
    return remainder(*jnp.broadcast_arrays(ordered(x), ordered(y)))


def minus_quotient(value: Any, x: Any, y: Any) -> Any:
    """The partial derivative of a remainder by its divisor: the opposite of the whole quotient."""
    return jnp.round(or_zero(jnp.where(value == value, value - x, 0), y))


@with_derivatives(lambda value, x, y: jnp.ones_like(x), minus_quotient)
def remainder(x: Any, y: Any) -> Any:
    exact, zero = lax.rem(x, y), x.dtype.type(0)
    moved = jnp.where((exact < zero) != (y < zero), exact + y, exact)
    return jnp.where(exact == zero, jnp.copysign(zero, y), moved)


@numpy_for_constants(words.where)
def word_where(condition: Any, x: Any, y: Any) -> Any:
    return jnp.where(condition, x, y)


@numpy_for_constants(words.exp)
@with_derivatives(lambda value, x: value)
def word_exp(x: Any) -> Any:
    return jnp.exp(x)


@numpy_for_constants(words.log)
@with_derivatives(lambda value, x: or_zero(jnp.ones_like(x), x))
def word_log(x: Any) -> Any:
    return jnp.log(x)


@numpy_for_constants(words.tanh)
@with_derivatives(lambda value, x: (1 - value) * (1 + value))
def word_tanh(x: Any) -> Any:
    # As ``tanh`` of ``codegen/cpu``, since XLA's own is less exact; in its own words, which XLA does not simplify.
    wide = ordered(x).dtype == np.float64
    last, ln2, terms = (20.0, LN2_OF_FLOAT64, 14) if wide else (10.0, LN2_OF_FLOAT32, 8)
    twice = 2 * jnp.minimum(jnp.abs(x), last)
    k = jnp.round(twice * LOG2_E)
    r = (twice - k * ln2[0]) - k * ln2[1]
    series = jnp.full_like(r, 1 / math.factorial(terms))
    for n in range(terms - 1, 1, -1):
        series = series * r + 1 / math.factorial(n)
    scale = jnp.ldexp(jnp.ones_like(r), k.astype("int32"))
    grown = scale * (r + r * r * series) + (scale - 1)
    return jnp.copysign(lax.div(grown, grown + 2), x)


@numpy_for_constants(words.power)
def word_power(x: Any, y: Any) -> Any:
    # A square root is correctly rounded, and many times faster.
    if isinstance(y, Array):
        return array_power(*jnp.broadcast_arrays(x, y))
    return word_sqrt(x) if y == 0.5 else constant_power(y)(x)


def by_base(value: Any, x: Any, y: Any) -> Any:
    undefined = (x == 0) & (y < 1) | (x < 0) & (value != value)
    return jnp.where(undefined, 0, y * array_power(jnp.where(undefined, 1, x), y - 1))


def by_exponent(value: Any, x: Any, y: Any) -> Any:
    return jnp.where(x > 0, value, 0) * word_log(jnp.where(x > 0, x, 1))


@with_derivatives(by_base, by_exponent)
def array_power(x: Any, y: Any) -> Any:
    return jnp.where(y == 0.5, root(x), jnp.power(x, y))


def constant_power(y: Any) -> Word:
    """The function that raises an array to a known exponent."""
    return with_derivatives(lambda value, x: by_base(value, x, jnp.full_like(x, y)))(lambda x: jnp.power(x, y))


@numpy_for_constants(words.divide_or_zero)
def word_divide_or_zero(x: Any, y: Any) -> Any:
    return by_parts(or_zero)(x, y)


def word_row_sum(x: Any) -> Any:
    return jnp.sum(x, axis=-1, keepdims=True)


def word_row_mean(x: Any) -> Any:
    return jnp.mean(x, axis=-1, keepdims=True)


def word_column_sum(x: Any) -> Any:
    return jnp.sum(x, axis=-2, keepdims=True)


def word_column_mean(x: Any) -> Any:
    return jnp.mean(x, axis=-2, keepdims=True)


def word_tensor_sum(x: Any) -> Any:
    return jnp.sum(x)


def word_tensor_mean(x: Any) -> Any:
    return jnp.mean(x)


def word_row_max(x: Any) -> Any:
    return jnp.max(ordered(x), axis=-1, keepdims=True)


def word_column_max(x: Any) -> Any:
    return jnp.max(ordered(x), axis=-2, keepdims=True)


def word_tensor_max(x: Any) -> Any:
    return jnp.max(ordered(x))


def word_row_min(x: Any) -> Any:
    return jnp.min(ordered(x), axis=-1, keepdims=True)


def word_column_min(x: Any) -> Any:
    return jnp.min(ordered(x), axis=-2, keepdims=True)


def word_tensor_min(x: Any) -> Any:
    return jnp.min(ordered(x))
