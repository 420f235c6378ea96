"""``RowTensor``: some rows of a larger tensor, such as the gradient of an embedding."""

from typing import Any

from .printing import array_text
from .tensor import Tensor


class RowTensorInner:
    """Rows of a larger tensor: row ``indices[i]`` is ``values[i]``. Rows may occur more than once.

    Args:
        indices: a tensor of one dimension and an integer type, the number of each row.
        values: the rows.
        shape: the shape of the larger tensor.
        row_tensor: another of this kind, whose tensors and shape are taken; then the others are left out.

    Raises:
        TypeError: an argument is of another type.
        ValueError: the shapes do not fit together.

    >>> rows = RowTensorInner(Tensor([0, 2]), Tensor([[1.0], [2.0]]), (3, 1))
    >>> print(rows.indices, rows.values.shape, rows.dense_shape)
    [0 2] (2, 1) (3, 1)
    """

    def __init__(self, indices: Any = None, values: Any = None, shape: Any = None, row_tensor: Any = None) -> None:
        if row_tensor is not None:
            if not isinstance(row_tensor, RowTensorInner):
                raise TypeError(f"RowTensor: row_tensor is of type {type(row_tensor).__name__}, expected a RowTensor")
            if not (indices is None and values is None and shape is None):
                raise TypeError("RowTensor: row_tensor is given beside indices, values or shape, expected it alone")
            indices, values, shape = row_tensor._indices, row_tensor._values, row_tensor._shape
        for name, given in (("indices", indices), ("values", values)):
            if not isinstance(given, Tensor):
                raise TypeError(f"RowTensor: {name} is of type {type(given).__name__}, expected a Tensor")
        if not isinstance(shape, tuple):
            raise TypeError(f"RowTensor: shape is {shape!r}, expected a tuple")
        if indices.ndim != 1 or indices._array.dtype.kind not in "iu":
            raise ValueError(
                f"RowTensor: indices have shape {indices.shape} and type {indices.dtype.name}, "
                "expected one dimension of an integer type"
            )
        if values.shape != (len(indices), *shape[1:]):
            raise ValueError(
                f"RowTensor: values have shape {values.shape}, expected {(len(indices), *shape[1:])}: one row for each "
                f"of {len(indices)} indices, of a tensor of shape {shape}"
            )
        self._indices: Tensor = indices
        self._values: Tensor = values
        self._shape: tuple[int, ...] = shape

    @property
    def indices(self) -> Tensor:
        """The number of each row."""
        return self._indices

    @property
    def values(self) -> Tensor:
        """The rows."""
        return self._values

    @property
    def dense_shape(self) -> tuple[int, ...]:
        """The shape of the larger tensor."""
        return self._shape

    def __repr__(self) -> str:
        return (
            f"RowTensor(shape={list(self._shape)}, dtype={self._values.dtype}, "
            f"indices={without_commas(self._indices)}, values={without_commas(self._values)})"
        )


class RowTensor(RowTensorInner):
    """Rows of a larger tensor; see ``RowTensorInner``."""


def without_commas(tensor: Tensor) -> str:
    """The printed form of a tensor inside of others, which has no commas between elements."""
    text = array_text(tensor._array).lstrip(" ").replace(",", "")
    return f"Tensor(shape={list(tensor.shape)}, dtype={tensor.dtype}, value={text})"
