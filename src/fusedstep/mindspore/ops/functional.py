"""Functions that programs use beside the optimizer operators."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..common.dtype import DType, as_dtype
from ..common.promotion import as_operand
from ..common.tensor import Tensor
from ..unavailable import attribute_finder
from .clipping import clip_by_global_norm, clip_by_norm
from .elementwise import FUNCTIONS, as_tensor
from .vmap import vmap

GRADIENTS = ("GradOperation", "grad", "jacfwd", "jacrev", "jvp", "stop_gradient", "value_and_grad", "vjp")

globals().update(FUNCTIONS)

__all__ = [
    *FUNCTIONS,
    "addn",
    "assign",
    "assign_add",
    "assign_sub",
    "cast",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "depend",
    "dtype",
    "fill",
    "gather",
    "ones_like",
    "partial",
    "reshape",
    "select",
    "shape",
    "unique",
    "vmap",
    "zeros_like",
]

__getattr__ = attribute_finder(__name__, GRADIENTS)


def addn(x: Sequence[Tensor]) -> Tensor:
    """The sum of several tensors.

    Args:
        x: the tensors.

    >>> print(addn([Tensor([1.0]), Tensor([2.0]), Tensor([3.0])]))
    [6.]
    """
    total = x[0].copy()
    for each in x[1:]:
        total = total + each
    return total


def assign(variable: Tensor, value: Any) -> Tensor:
    """Write elements into a parameter or tensor.

    Args:
        variable: where they are written.
        value: a tensor of its shape, or a number where it has one element.

    Returns:
        The variable.

    Raises:
        ValueError: the shapes differ.

    >>> table = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> _ = assign(table[0], Tensor([5, 6]))
    >>> table.tolist()
    [[5.0, 6.0], [3.0, 4.0]]
    """
    given = as_tensor(value)
    if given.shape != variable.shape and not (given.size == 1 == variable.size):
        raise ValueError(f"assign: value has shape {given.shape}, expected {variable.shape}, that of variable")
    variable[...] = given.reshape(variable.shape)
    return variable


def assign_add(variable: Tensor, value: Any) -> Tensor:
    """Add to a parameter or tensor in place.

    Args:
        variable: what is changed.
        value: what is added.

    Returns:
        The variable.
    """
    variable[...] = variable + value
    return variable


def assign_sub(variable: Tensor, value: Any) -> Tensor:
    """Subtract from a parameter or tensor in place.

    Args:
        variable: what is changed.
        value: what is subtracted.

    Returns:
        The variable.
    """
    variable[...] = variable - value
    return variable


def cast(input: Any, dtype: Any) -> Tensor:  # noqa: A002
    """Convert to an element type.

    Args:
        input: a tensor or a number.
        dtype: the type.

    >>> cast(1.5, "int32")
    Tensor(shape=[], dtype=Int32, value= 1)
    """
    converted: Tensor = as_tensor(input).astype(dtype)
    return converted


def clip_by_value(x: Any, clip_value_min: Any = None, clip_value_max: Any = None) -> Any:
    """The elements, not below one bound nor above another.

    Args:
        x: a tensor, or a list or tuple of tensors.
        clip_value_min: the lower bound, or None.
        clip_value_max: the upper bound, or None.

    >>> print(clip_by_value(Tensor([1.0, 5.0]), 2, Tensor(3.0)))
    [2. 3.]
    """
    if isinstance(x, list | tuple):
        return type(x)([clip_by_value(each, clip_value_min, clip_value_max) for each in x])
    return x.clip(clip_value_min, clip_value_max)


def depend(value: Any, expr: Any) -> Any:
    """The first argument: calls run in the order in which they are written.

    Args:
        value: what is returned.
        expr: what MindSpore's compiler would run before.
    """
    return value


def dtype(input: Tensor) -> DType:  # noqa: A002
    """The element type.

    Args:
        input: the tensor.
    """
    return input.dtype


def fill(type: Any, shape: Any, value: Any) -> Tensor:  # noqa: A002
    """A tensor full of one number.

    Args:
        type: the element type.
        shape: the lengths.
        value: the number.

    >>> print(fill("int32", (2, 2), 1.5))
    [[1 1]
     [1 1]]
    """
    return Tensor._made(np.full(shape, as_operand(value, as_dtype(type))))


def gather(input_params: Tensor, input_indices: Any, axis: Any) -> Tensor:
    """Parts of a tensor along an axis.

    Args:
        input_params: the tensor.
        input_indices: which parts, as a tensor.
        axis: the axis.

    Raises:
        IndexError: a part does not exist.

    >>> print(gather(Tensor([[1.0], [2.0], [3.0]]), Tensor([2, 0, 2]), 0).T)
    [[3. 1. 3.]]
    """
    return Tensor._made(np.take(input_params._array, as_tensor(input_indices)._array, int(axis)))


def ones_like(input: Tensor) -> Tensor:  # noqa: A002
    """A tensor of ones of the same shape and type.

    Args:
        input: the tensor.
    """
    return Tensor._made(np.ones_like(input._array))


def reshape(input: Tensor, shape: Any) -> Any:  # noqa: A002
    """The elements in another shape.

    Args:
        input: the tensor.
        shape: the lengths.
    """
    return input.reshape(shape)


def select(condition: Tensor, input: Any, other: Any) -> Tensor:  # noqa: A002
    """The elements of one tensor where a condition is true, and of another elsewhere.

    Args:
        condition: a tensor of bools.
        input: a tensor or a number.
        other: a tensor or a number.

    >>> print(select(Tensor([True, False]), Tensor([1, 2]), Tensor([3, 4])))
    [1 4]
    """
    return Tensor._made(np.where(condition._array, as_tensor(input)._array, as_tensor(other)._array))


def shape(input_x: Tensor) -> tuple[int, ...]:
    """The length of each dimension.

    Args:
        input_x: the tensor.
    """
    return input_x.shape


def unique(input: Tensor) -> tuple[Tensor, Tensor]:  # noqa: A002
    """The different elements in the order in which they first occur, and which of them each element is.

    Args:
        input: the tensor.

    >>> for each in unique(Tensor([3, 1, 3], "int32")):
    ...     print(each)
    [3 1]
    [0 1 0]
    """
    values, first, inverse = np.unique(input._array, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    places = rank[inverse].reshape(input.shape).astype(np.int64 if input._array.dtype == np.int64 else np.int32)
    return Tensor._made(values[order]), Tensor._made(places)


def zeros_like(input: Tensor) -> Tensor:  # noqa: A002
    """A tensor of zeros of the same shape and type.

    Args:
        input: the tensor.
    """
    return Tensor._made(np.zeros_like(input._array))
