"""Tensors that are scaled down where their norm is too large."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common.promotion import convert_array
from ..common.tensor import Tensor

# As in MindSpore: a norm of 0 does not divide.
EPSILON = 1e-6


def clip_by_global_norm(x: Any, clip_norm: Any = 1.0, use_norm: None = None) -> Any:
    """Tensors, scaled down together where their common Euclidean norm is above a limit.

    .. math:: x_i \\cdot clip\\_norm / \\max(\\lVert x \\rVert_2, clip\\_norm)

    The squares of 16-bit elements are summed in float32; MindSpore's overflow. A norm that is NaN changes nothing.

    Args:
        x: a tuple or list of tensors.
        clip_norm: the limit.
        use_norm: None, as in MindSpore.

    Returns:
        A tuple of tensors of the same types.

    Raises:
        ValueError: clip_norm is not above 0, use_norm is not None, or there are no tensors.
        TypeError: an element is no tensor.

    >>> for each in clip_by_global_norm((Tensor([6.0]), Tensor([8.0, 0.0])), 5.0):
    ...     print(each)
    [3.]
    [4. 0.]
    """
    if use_norm is not None:
        raise ValueError(f"clip_by_global_norm: use_norm is {use_norm!r}, expected None")
    limit = number("clip_by_global_norm", "clip_norm", clip_norm)
    if not limit > 0:
        raise ValueError(f"clip_by_global_norm: clip_norm is {limit!r}, expected a number above 0")
    tensors = tensors_of("clip_by_global_norm", x)
    with np.errstate(all="ignore"):
        squares = [np.float32(np.sum(np.square(widened(each)))) for each in tensors]
        norm = np.sqrt(np.sum(squares, dtype=np.float32))
        # A NaN is not greater: then the norm counts as the limit.
        divisor = norm if norm >= limit else np.float32(limit)
        scaled = [made(each, np.float32(limit), divisor) for each in tensors]
    return scaled[0] if isinstance(x, Tensor) else tuple(scaled)


def clip_by_norm(x: Any, max_norm: Any, norm_type: Any = 2.0, error_if_nonfinite: bool = False) -> Any:
    """Tensors, scaled down together where the norm of their norms is above a limit.

    .. math:: x_i \\cdot \\min(1, max\\_norm / (\\lVert x \\rVert + 10^{-6}))

    The norm is that of the absolute values; MindSpore's is NaN where an odd or fractional order meets elements below 0.

    Args:
        x: a tensor, or a tuple or list of tensors.
        max_norm: the limit.
        norm_type: the order of the norm; infinity stands for the largest absolute value.
        error_if_nonfinite: whether a norm that is infinite or NaN is an error.

    Returns:
        A tensor, or a tuple of tensors; x itself where it is within the limit, or where the norm is NaN.

    Raises:
        ValueError: max_norm is below 0, norm_type is not above 0, or there are no tensors.
        TypeError: an element is no tensor.
        RuntimeError: the norm is infinite or NaN, and error_if_nonfinite is True.

    >>> print(clip_by_norm(Tensor([6.0, 8.0]), 5).asnumpy().round(5))
    [3. 4.]
    """
    limit, order = number("clip_by_norm", "max_norm", max_norm), number("clip_by_norm", "norm_type", norm_type)
    if not limit >= 0:
        raise ValueError(f"clip_by_norm: max_norm is {limit!r}, expected a number, 0 or above")
    if not order > 0:
        raise ValueError(f"clip_by_norm: norm_type is {order!r}, expected a number above 0")
    given = tensors_of("clip_by_norm", x)
    tensors = [each.astype("float32") if each._array.dtype.kind in "iub" else each for each in given]
    with np.errstate(all="ignore"):
        total = norm_of(np.stack([norm_of(np.abs(widened(each)), order) for each in tensors]), order)
        if error_if_nonfinite and not np.isfinite(total):
            raise RuntimeError(f"clip_by_norm: the norm of order {order} is {total}, expected a finite one")
        factor = limit / (total + total.dtype.type(EPSILON))
        if not factor < 1:
            return x
        scaled = [made(each, factor) for each in tensors]
    return scaled[0] if isinstance(x, Tensor) else tuple(scaled)


def norm_of(values: Any, order: float) -> Any:
    """The norm of numbers that are not below 0, in their type."""
    if math.isinf(order):
        return np.max(values, initial=0)
    return np.sum(values ** values.dtype.type(order)) ** values.dtype.type(1 / order)


def made(tensor: Tensor, factor: Any, divisor: Any = None) -> Tensor:
    """A tensor times a factor, divided by another, in its own type."""
    array = widened(tensor)
    product = array * array.dtype.type(factor)
    if divisor is not None:
        product = product / array.dtype.type(divisor)
    return Tensor._made(convert_array(np.asarray(product), tensor.dtype))


def widened(tensor: Tensor) -> Any:
    """The elements, in float32 unless they are float64."""
    array = tensor._array
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)


def number(owner: str, name: str, value: Any) -> float:
    """A number, or that of a tensor with one element.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(value, Tensor) and value.size == 1:
        return float(value.item())
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{owner}: {name} is {value!r}, of type {type(value).__name__}, expected a number")
    return float(value)


def tensors_of(owner: str, x: Any) -> Sequence[Tensor]:
    """The tensors of an argument.

    Raises:
        ValueError: there are none.
        TypeError: an element is no tensor.
    """
    found = [x] if isinstance(x, Tensor) else x
    if not isinstance(found, list | tuple):
        raise TypeError(f"{owner}: x is of type {type(x).__name__}, expected a tuple or list of tensors")
    if not found:
        raise ValueError(f"{owner}: x is empty, expected at least one tensor")
    for place, each in enumerate(found):
        if not isinstance(each, Tensor):
            raise TypeError(f"{owner}: x[{place}] is of type {type(each).__name__}, expected a tensor")
    return found
