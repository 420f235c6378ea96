"""``Indexing``: parts of tensors. Integers, slices, ``...`` and ``None`` select views, lists and tensors copies."""

from collections.abc import Iterator
from types import EllipsisType
from typing import Any

import numpy as np

from .array_tensor import ArrayTensor
from .promotion import as_operand, convert_array


class Indexing(ArrayTensor):
    """Reading and writing parts of a tensor.

    Raises:
        IndexError: the index is invalid.
        ValueError: the assigned value has another shape.

    >>> from fusedstep.mindspore import Tensor
    >>> table = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> row = table[0]
    >>> row[1] = 5
    >>> table[1:] = row * 10
    >>> print(table)
    [[ 1.  5.]
     [10. 50.]]
    """

    _copied_from: "tuple[Indexing, Any] | None" = None

    def __getitem__(self, index: Any) -> Any:
        place = as_index(index, self._array.shape)
        made = self._made(self._array[place])
        if any(isinstance(part, list | np.ndarray | bool) for part in place):
            made._copied_from = (self, place)
        return made

    def __setitem__(self, index: Any, value: Any) -> None:
        place = as_index(index, self._array.shape)
        if isinstance(value, ArrayTensor):
            given = convert_array(value._array, self.dtype)
        elif isinstance(value, bool | int | float | list | tuple | np.ndarray | np.generic):
            given = as_operand(value, self.dtype)
        else:
            raise TypeError(
                f"Tensor: the assigned value is of type {type(value).__name__}, expected a tensor, a number or a list"
            )
        try:
            self._array[place] = given
        except ValueError:
            raise ValueError(
                f"Tensor: a value of shape {given.shape} does not fit into a part of shape {self._array[place].shape}"
            ) from None
        if self._copied_from is not None:
            # As in MindSpore, `table[[0, 2]][1] = 5` changes the table, although the inner part is a copy.
            source, part = self._copied_from
            source[part] = self

    def __getstate__(self) -> dict[str, Any]:
        # A tensor that is copied or pickled does not take along what it was selected from.
        return {name: value for name, value in vars(self).items() if name != "_copied_from"}

    def __iter__(self) -> Iterator[Any]:
        if not self._array.ndim:
            raise TypeError("Tensor: has no dimension and cannot be iterated over; use item()")
        return (self._made(part) for part in self._array)

    def __contains__(self, value: Any) -> bool:
        sought = value._array if isinstance(value, ArrayTensor) else value
        return bool((self._array == sought).any())


def as_index(index: Any, shape: tuple[int, ...]) -> Any:
    """NumPy's index for MindSpore's.

    Raises:
        IndexError: a part of the index is of a type that does not index tensors, or there are more than dimensions.
    """
    if isinstance(index, list) and any(isinstance(part, list | tuple | slice) for part in index):
        index = tuple(index)
    parts = index if type(index) is tuple else (index,)
    if not all(type(part) is int or part is ... or type(part) is slice for part in parts):
        parts = tuple(map(index_part, parts))
    if sum(part is not None and part is not ... for part in parts) > len(shape) and not any(
        isinstance(part, np.ndarray | bool) for part in parts
    ):
        raise IndexError(f"Tensor: {len(parts)} indices, expected at most {len(shape)} for shape {shape}")
    # A view, also where NumPy would return a scalar.
    return parts if any(part is ... for part in parts) else (*parts, ...)


def index_part(part: Any) -> Any:
    """One part of an index for NumPy."""
    if part is None or isinstance(part, bool | int | np.integer | EllipsisType):
        return part
    if isinstance(part, slice):
        return slice(*(None if end is None else int(end) for end in (part.start, part.stop, part.step)))
    if isinstance(part, ArrayTensor | list | tuple | np.ndarray):
        array = part._array if isinstance(part, ArrayTensor) else np.array(part)
        if array.dtype.kind in "iub" and array.size:
            # An index without dimensions selects as a number does: a view.
            return array if array.ndim or array.dtype == np.bool_ else int(array)
        raise IndexError(
            f"Tensor: an index of shape {array.shape} and type {array.dtype.name}, expected integers or bools"
        )
    raise IndexError(
        f"Tensor: an index of type {type(part).__name__}, expected an integer, a slice, ..., None, a bool, a list "
        "or a tensor"
    )
