"""What the words of rules mean on whole arrays to XLA, by way of jax.numpy.

Numbers that are no arrays of JAX are known already, and are computed here and now as NumPy computes them. What is
written out as a choice has the signs of zeros, and the NaNs, that kernels on the CPU give.

A derivative is a product of slopes. One that is infinite, or none, would make it NaN, even where ``where`` takes the
other branch or the next slope is 0: there it counts as 0.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from ...rules import words

Word = Callable[..., Any]


def or_as_numpy(reference: Word) -> Callable[[Word], Word]:
    """A word of arrays that is its ``reference`` where no argument is an array."""

    def decorate(word: Word) -> Word:
        @wraps(word)
        def either(*values: Any) -> Any:
            return (word if any(isinstance(value, Array) for value in values) else reference)(*values)

        return either

    return decorate


def with_slopes(*slopes: Word) -> Callable[[Word], Word]:
    """A word of arrays of one shape and type, and its slope by each of them, a function of the value and of them.

    The value is computed as without. Slopes are made of such words, so that second derivatives are finite, too.
    """

    def decorate(word: Word) -> Word:
        derived = jax.custom_jvp(word)

        @derived.defjvp
        def tangents(at: Any, along: Any) -> tuple[Any, Any]:
            # What is computed of scalars is float64 also where JAX has float32 alone by now.
            with jax.enable_x64(True):
                value = derived(*at)
                steep = [slope(value, *at) for slope in slopes]
                parts = [each * jnp.where(jnp.isinf(by), 0, by) for each, by in zip(along, steep, strict=True)]
                return value, sum(parts[1:], parts[0])

        return wraps(word)(derived)

    return decorate


def compute_as(dtype: str, x: Any) -> Any:
    """A value in the compute type; a condition as 0 or 1."""
    return lax.convert_element_type(x, dtype) if isinstance(x, Array) else np.dtype(dtype).type(x)


@or_as_numpy(np.logical_not)
def word_not(x: Any) -> Any:
    return jnp.logical_not(x)


@or_as_numpy(np.divide)
def word_divide(x: Any, y: Any) -> Any:
    # Where XLA sees that all divisors are one number, it multiplies by the inverse, which is rounded.
    return quotient(*jnp.broadcast_arrays(x, y))


@with_slopes(lambda value, x, y: or_zero(jnp.ones_like(y), y), lambda value, x, y: -or_zero(value, y))
def quotient(x: Any, y: Any) -> Any:
    return lax.div(x, y)


@with_slopes(lambda value, x, y: or_zero(jnp.ones_like(y), y), lambda value, x, y: -or_zero(value, y))
def or_zero(x: Any, y: Any) -> Any:
    return jnp.where(y == 0, y.dtype.type(0), lax.div(x, y))


def root(x: Any) -> Any:
    # Of a quotient by a bare root XLA makes a product with the reciprocal root, which is rounded. No root is below 0.
    return lax.max(lax.sqrt(x), jnp.full_like(x, -1))


@or_as_numpy(words.sqrt)
@with_slopes(lambda value, x: or_zero(jnp.full_like(x, 0.5), jnp.where(x <= 0, 0, value)))
def word_sqrt(x: Any) -> Any:
    return root(x)


@or_as_numpy(words.abs)
def word_abs(x: Any) -> Any:
    return jnp.abs(x)


@or_as_numpy(words.sign)
def word_sign(x: Any) -> Any:
    # XLA's own keeps the sign of -0.
    one, zero = x.dtype.type(1), x.dtype.type(0)
    return jnp.where(x > 0, one, jnp.where(x < 0, -one, jnp.where(x == 0, zero, x)))


@or_as_numpy(words.maximum)
def word_maximum(x: Any, y: Any) -> Any:
    return jnp.where((x >= y) | (x != x), x, y)


@or_as_numpy(words.minimum)
def word_minimum(x: Any, y: Any) -> Any:
    return jnp.where((x <= y) | (x != x), x, y)


@or_as_numpy(words.where)
def word_where(condition: Any, x: Any, y: Any) -> Any:
    return jnp.where(condition, x, y)


@or_as_numpy(words.exp)
@with_slopes(lambda value, x: value)
def word_exp(x: Any) -> Any:
    return jnp.exp(x)


@or_as_numpy(words.log)
@with_slopes(lambda value, x: or_zero(jnp.ones_like(x), x))
def word_log(x: Any) -> Any:
    return jnp.log(x)


@or_as_numpy(words.power)
def word_power(x: Any, y: Any) -> Any:
    # A root is correctly rounded, and many times faster.
    if isinstance(y, Array):
        return raised(*jnp.broadcast_arrays(x, y))
    return word_sqrt(x) if y == 0.5 else raised_to(y)(x)


def by_base(value: Any, x: Any, y: Any) -> Any:
    nowhere = (x == 0) & (y < 1) | (x < 0) & (value != value)
    return jnp.where(nowhere, 0, y * raised(jnp.where(nowhere, 1, x), y - 1))


def by_exponent(value: Any, x: Any, y: Any) -> Any:
    return jnp.where(x > 0, value, 0) * word_log(jnp.where(x > 0, x, 1))


@with_slopes(by_base, by_exponent)
def raised(x: Any, y: Any) -> Any:
    return jnp.where(y == 0.5, root(x), jnp.power(x, y))


def raised_to(y: Any) -> Word:
    """A power with an exponent that is known."""
    return with_slopes(lambda value, x: by_base(value, x, jnp.full_like(x, y)))(lambda x: jnp.power(x, y))


@or_as_numpy(words.divide_or_zero)
def word_divide_or_zero(x: Any, y: Any) -> Any:
    return or_zero(*jnp.broadcast_arrays(x, y))


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
