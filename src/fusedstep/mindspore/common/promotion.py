"""To which type tensors and numbers are converted when they meet, and the conversion."""

from collections.abc import Collection
from typing import Any

import numpy as np

from .dtype import DType, as_dtype, float32, int64

FLOATS = ("float16", "bfloat16", "float32", "float64")


def highest(types: Collection[DType]) -> DType:
    """The highest of several types: floating-point types are above integers, and integers above bool.

    >>> highest({as_dtype("int64"), as_dtype("float16")})
    mindspore.float16
    """
    floats = [each for each in types if each.name in FLOATS]
    if {each.name for each in floats} == {"float16", "bfloat16"}:
        # Neither type holds the values of the other.
        return float32
    if floats:
        return max(floats, key=lambda each: FLOATS.index(each.name))
    return as_dtype(np.result_type(*[each.numpy for each in types]))


def type_beside_number(dtype: DType, number: Any) -> DType:
    """The type of a tensor's arithmetic with a Python number: the tensor's own, unless the number is of a higher kind.

    >>> type_beside_number(as_dtype("int8"), 300), type_beside_number(as_dtype("int64"), 0.5)
    (mindspore.int8, mindspore.float32)
    """
    if isinstance(number, float | np.floating):
        return dtype if dtype.name in FLOATS else float32
    if dtype.name == "bool" and not isinstance(number, bool | np.bool_):
        return int64
    return dtype


def convert_array(array: np.ndarray, dtype: DType) -> np.ndarray:
    """Convert an array to a type. An array of that type is returned as it is."""
    if array.dtype == dtype.numpy:
        return array
    # Values out of range wrap or become infinite without a warning, as in MindSpore.
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(dtype.numpy)


def as_operand(value: Any, dtype: DType) -> np.ndarray:
    """A Python number as an array of a type; integers out of range wrap.

    >>> as_operand(300, as_dtype("uint8"))
    array(44, dtype=uint8)
    """
    return convert_array(np.asarray(value), dtype)
