"""The words of rules on whole tensors of PyTorch.

Where no argument is a tensor, the value is known now, and NumPy computes it. Choices are written out where zeros and
NaNs must have the signs that kernels on the CPU give them.

A derivative is a product of partial derivatives. An infinite or undefined one would make the product NaN, even where
``where`` takes the other branch or the next factor is 0. Such a partial derivative counts as 0: the value is computed
beside it, without a record.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...rules import words

Word = Callable[..., Any]


def numpy_for_constants(reference: Word) -> Callable[[Word], Word]:
    """Decorate a word of tensors: call its ``reference`` where no argument is one; else make all of them tensors."""

    def decorate(word: Word) -> Word:
        @wraps(word)
        def dispatch(*values: Any) -> Any:
            tensors = [value for value in values if isinstance(value, Tensor)]
            if not tensors:
                # Not a NumPy scalar, which would turn tensors beside it into arrays.
                return reference(*values).item()
            like = next((each for each in tensors if each.is_floating_point()), None)
            return word(*(each if isinstance(each, Tensor) else as_tensor(each, like) for each in values))

        return dispatch

    return decorate


def as_tensor(value: Any, like: Tensor | None) -> Tensor:
    """A number as a tensor without dimensions; of float64 where nothing beside it has a type."""
    return torch.tensor(value, dtype=None if isinstance(value, bool) else torch.float64 if like is None else like.dtype)


def compute_as(dtype: str, x: Any) -> Any:
    """Convert a value to the compute type; a condition to 0 or 1."""
    kind: torch.dtype = getattr(torch, dtype)
    # Of one number, a tensor keeps the type where a number would take the default type.
    return x.to(kind) if isinstance(x, Tensor) else torch.tensor(float(x), dtype=kind)


@numpy_for_constants(np.logical_not)
def word_not(x: Any) -> Any:
    return torch.logical_not(x)


@numpy_for_constants(np.divide)
def word_divide(x: Any, y: Any) -> Any:
    return torch.where(y == 0, (x / y).detach(), x / torch.where(y == 0, 1, y))


@numpy_for_constants(words.divide_or_zero)
def word_divide_or_zero(x: Any, y: Any) -> Any:
    return torch.where(y == 0, 0, x / torch.where(y == 0, 1, y))


@numpy_for_constants(words.sqrt)
def word_sqrt(x: Any) -> Any:
    return torch.where(x > 0, torch.where(x > 0, x, 1).sqrt(), x.detach().sqrt())


@numpy_for_constants(words.abs)
def word_abs(x: Any) -> Any:
    return torch.abs(x)


@numpy_for_constants(words.sign)
def word_sign(x: Any) -> Any:
    # torch.sign(NaN) is 0.
    return torch.where(x > 0, 1, torch.where(x < 0, -1, torch.where(x == 0, 0, x))).to(x.dtype)


@numpy_for_constants(words.maximum)
def word_maximum(x: Any, y: Any) -> Any:
    return torch.where((x >= y) | (x != x), x, y)


@numpy_for_constants(words.minimum)
def word_minimum(x: Any, y: Any) -> Any:
    return torch.where((x <= y) | (x != x), x, y)


@numpy_for_constants(words.clip)
def word_clip(x: Any, low: Any, high: Any) -> Any:
    return word_minimum(word_maximum(x, low), high)


@numpy_for_constants(words.floor)
def word_floor(x: Any) -> Any:
    return torch.floor(x)


@numpy_for_constants(words.ceil)
def word_ceil(x: Any) -> Any:
    return torch.ceil(x)


@numpy_for_constants(words.isnan)
def word_isnan(x: Any) -> Any:
    return torch.isnan(x)


@numpy_for_constants(words.isinf)
def word_isinf(x: Any) -> Any:
    return torch.isinf(x)


@numpy_for_constants(words.isfinite)
def word_isfinite(x: Any) -> Any:
    return torch.isfinite(x)


@numpy_for_constants(np.remainder)
def word_remainder(x: Any, y: Any) -> Any:
    undefined = (y == 0) | ~torch.isfinite(x)
    # In float64: PyTorch's own of float32 is NaN where the quotient is large.
    wide, by = x.double(), torch.where(undefined, 1, y.double())
    exact = torch.where(undefined, torch.fmod(x.detach(), y.detach()), torch.fmod(wide, by).to(x.dtype))
    moved = torch.where((exact < 0) != (y < 0), exact + y, exact)
    return torch.where(exact == 0, torch.copysign(exact, y.detach()), moved)


@numpy_for_constants(words.where)
def word_where(condition: Any, x: Any, y: Any) -> Any:
    return torch.where(condition, x, y)


@numpy_for_constants(words.exp)
def word_exp(x: Any) -> Any:
    return torch.exp(x)


@numpy_for_constants(words.log)
def word_log(x: Any) -> Any:
    return torch.where(x > 0, torch.where(x > 0, x, 1).log(), x.detach().log())


@numpy_for_constants(words.tanh)
def word_tanh(x: Any) -> Any:
    return torch.tanh(x)


@numpy_for_constants(words.power)
def word_power(x: Any, y: Any) -> Any:
    value = torch.pow(x.detach(), y.detach())
    infinite = (x == 0) & (y < 1) | (value != value)
    power = torch.where(infinite, value, torch.pow(torch.where(infinite, 1, x), y))
    # A square root is correctly rounded.
    return torch.where(y == 0.5, word_sqrt(x), power)


def word_row_sum(x: Any) -> Any:
    return x.sum(-1, keepdim=True)


def word_row_mean(x: Any) -> Any:
    return x.mean(-1, keepdim=True)


def word_column_sum(x: Any) -> Any:
    return x.sum(-2, keepdim=True)


def word_column_mean(x: Any) -> Any:
    return x.mean(-2, keepdim=True)


def word_tensor_sum(x: Any) -> Any:
    return x.sum()


def word_tensor_mean(x: Any) -> Any:
    return x.mean()


def word_row_max(x: Any) -> Any:
    return x.amax(-1, keepdim=True)


def word_column_max(x: Any) -> Any:
    return x.amax(-2, keepdim=True)


def word_tensor_max(x: Any) -> Any:
    return x.amax()


def word_row_min(x: Any) -> Any:
    return x.amin(-1, keepdim=True)


def word_column_min(x: Any) -> Any:
    return x.amin(-2, keepdim=True)


def word_tensor_min(x: Any) -> Any:
    return x.amin()
