"""``Reductions``: sums, means and extremes of tensors, with MindSpore's types of results."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .arithmetic import floating
from .array_tensor import ArrayTensor
from .dtype import as_dtype
from .promotion import convert_array

Axis = int | tuple[int, ...] | list[int] | None


class Reductions(ArrayTensor):
    """Functions that reduce all or some dimensions.

    >>> from fusedstep.mindspore import Tensor
    >>> table = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> table.sum().item(), table.mean(axis=0).tolist(), table.max(axis=1).tolist()
    (10.0, [2.0, 3.0], [2.0, 4.0])
    """

    def sum(self, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """The sum. Integers and bools are summed as int64.

        Args:
            axis: the dimensions to sum; by default all.
            dtype: the type of the result.
            keepdims: whether the dimensions stay, with length 1.
        """
        array = self._array if dtype is None else convert_array(self._array, as_dtype(dtype))
        wide = np.int64 if array.dtype.kind in "iub" and dtype is None else array.dtype
        return self._reduced(np.sum, array, axis, keepdims, dtype=wide)

    def mean(self, axis: Axis = None, keep_dims: bool = False) -> Any:
        """The mean, in the tensor's own type.

        Args:
            axis: the dimensions to average over; by default all.
            keep_dims: whether the dimensions stay, with length 1.
        """
        with np.errstate(all="ignore"):
            mean = np.mean(self._array, axis=as_axis(axis), keepdims=keep_dims)
        return self._made(convert_array(np.asarray(mean), self.dtype))

    def prod(self, axis: Axis = None, keep_dims: bool = False) -> Any:
        """The product.

        Args:
            axis: the dimensions to multiply; by default all.
            keep_dims: whether the dimensions stay, with length 1.
        """
        wide = np.int64 if self._array.dtype.kind in "iub" else self._array.dtype
        return self._reduced(np.prod, self._array, axis, keep_dims, dtype=wide)

    def max(self, dim: int | None = None, keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False) -> Any:
        """The largest element; with ``dim`` the largest elements and their places.

        Args:
            dim: the dimension to search.
            keepdim: whether ``dim`` stays, with length 1.
            axis: the dimensions to search; by default all.
            keepdims: whether the dimensions of ``axis`` stay, with length 1.
        """
        if dim is not None:
            return self.max(axis=dim, keepdims=keepdim), self._made(np.argmax(self._array, dim, keepdims=keepdim))
        return self._reduced(np.max, self._array, axis, keepdims)

    def min(self, dim: int | None = None, keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False) -> Any:
        """The smallest element; with ``dim`` the smallest elements and their places.

        Args:
            dim: the dimension to search.
            keepdim: whether ``dim`` stays, with length 1.
            axis: the dimensions to search; by default all.
            keepdims: whether the dimensions of ``axis`` stay, with length 1.
        """
        if dim is not None:
            return self.min(axis=dim, keepdims=keepdim), self._made(np.argmin(self._array, dim, keepdims=keepdim))
        return self._reduced(np.min, self._array, axis, keepdims)

    def all(self, axis: Axis = None, keep_dims: bool = False) -> Any:
        """Whether all elements are true.

        Args:
            axis: the dimensions to ask; by default all.
            keep_dims: whether the dimensions stay, with length 1.
        """
        return self._reduced(np.all, self._array, axis, keep_dims)

    def any(self, axis: Axis = None, keep_dims: bool = False) -> Any:
        """Whether any element is true.

        Args:
            axis: the dimensions to ask; by default all.
            keep_dims: whether the dimensions stay, with length 1.
        """
        return self._reduced(np.any, self._array, axis, keep_dims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """The place of the largest element, as int64.

        Args:
            axis: the dimension to search; by default all, in order.
            keepdims: whether the dimension stays, with length 1.
        """
        return self._made(np.argmax(self._array, axis=axis, keepdims=keepdims))

    def norm(self) -> Any:
        """The Euclidean norm of all elements."""
        array = floating(self._array)
        return self._made(np.sqrt(np.square(array).sum(dtype=array.dtype)))

    def _reduced(self, function: Callable[..., Any], array: np.ndarray, axis: Axis, keep: bool, **more: Any) -> Any:
        with np.errstate(all="ignore"):
            return self._made(function(array, axis=as_axis(axis), keepdims=keep, **more))


def as_axis(axis: Axis) -> Any:
    """NumPy's axis: an empty tuple means all dimensions, as None does."""
    if isinstance(axis, tuple | list):
        return tuple(axis) or None
    return axis
