"""What the words of rules mean on whole arrays to XLA, by way of jax.numpy.

Numbers that are no arrays of JAX are known already, and are computed here and now as NumPy computes them. What is
written out as a choice has the signs of zeros, and the NaNs, that kernels on the CPU give.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

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


def compute_as(dtype: str, x: Any) -> Any:
    """A value in the compute type; a condition as 0 or 1."""
    return lax.convert_element_type(x, dtype) if isinstance(x, Array) else np.dtype(dtype).type(x)


@or_as_numpy(np.logical_not)
def word_not(x: Any) -> Any:
    return jnp.logical_not(x)


@or_as_numpy(np.divide)
def word_divide(x: Any, y: Any) -> Any:
    # Where XLA sees that all divisors are one number, it multiplies by the inverse, which is rounded.
    return lax.div(*jnp.broadcast_arrays(x, y))


@or_as_numpy(words.sqrt)
def word_sqrt(x: Any) -> Any:
    return jnp.sqrt(x)


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
def word_exp(x: Any) -> Any:
    return jnp.exp(x)


@or_as_numpy(words.log)
def word_log(x: Any) -> Any:
    return jnp.log(x)


@or_as_numpy(words.power)
def word_power(x: Any, y: Any) -> Any:
    # A root is correctly rounded, and many times faster.
    if isinstance(y, Array):
        return jnp.where(y == 0.5, jnp.sqrt(x), jnp.power(x, y))
    return jnp.sqrt(x) if y == 0.5 else jnp.power(x, y)


@or_as_numpy(words.divide_or_zero)
def word_divide_or_zero(x: Any, y: Any) -> Any:
    quotient = word_divide(x, y)
    return jnp.where(y == 0, quotient.dtype.type(0), quotient)


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
