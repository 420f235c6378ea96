"""``Tensor``: a NumPy array with MindSpore's interface, without arithmetic."""

from typing import Any

import numpy as np

from .dtype import DType, as_dtype, float32, int64
from .printing import array_text


class Tensor:
    """An array with MindSpore's constructor, attributes and printed form. It has no arithmetic.

    Args:
        input_data: a number, a bool, a list or tuple of these, or a NumPy array, which is copied; or a tensor, whose
            memory is shared unless its type changes.
        dtype: the element type. By default Python's floats become float32 and ints int64; arrays keep their type.

    Raises:
        TypeError: the data or its type is not supported.

    >>> Tensor([0.5, 1])
    Tensor(shape=[2], dtype=Float32, value= [ 5.00000000e-01,  1.00000000e+00])
    """

    def __init__(self, input_data: Any = None, dtype: Any = None) -> None:
        array = to_array(input_data, given_dtype=dtype is not None)
        self._array = array if dtype is None else convert_array(array, as_dtype(dtype))

    @staticmethod
    def from_numpy(array: np.ndarray) -> "Tensor":
        """Make a tensor that shares an array's memory.

        Args:
            array: the array.

        Raises:
            TypeError: it is not a NumPy array, or its type is not supported.

        >>> array = np.zeros(2, np.float32)
        >>> tensor = Tensor.from_numpy(array)
        >>> array[0] = 1
        >>> print(tensor)
        [1. 0.]
        """
        if not isinstance(array, np.ndarray):
            raise TypeError(f"Tensor.from_numpy: array is of type {type(array).__name__}, expected a NumPy array")
        as_dtype(array.dtype)
        made = Tensor.__new__(Tensor)
        made._array = array
        return made

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each dimension."""
        return self._array.shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return as_dtype(self._array.dtype)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._array.size

    def asnumpy(self) -> np.ndarray:
        """The tensor's memory as a NumPy array. Writing to the array changes the tensor.

        >>> tensor = Tensor([1.0, 2.0])
        >>> tensor.asnumpy()[0] = 3
        >>> print(tensor)
        [3. 2.]
        """
        return self._array.view()

    def astype(self, dtype: Any) -> "Tensor":
        """Convert to an element type. The result shares memory if the type is the tensor's own.

        Args:
            dtype: the element type, also one of NumPy's.

        Raises:
            TypeError: the type is not supported.

        >>> print(Tensor([1.5, 2.0]).astype("int32"))
        [1 2]
        """
        return Tensor.from_numpy(convert_array(self._array, as_dtype(dtype)))

    def item(self) -> Any:
        """The only element, as a Python number.

        Raises:
            ValueError: there is not exactly one element.

        >>> Tensor([1.5]).item()
        1.5
        """
        if self._array.size != 1:
            raise ValueError(f"Tensor: has {self._array.size} elements, expected exactly one")
        value = self._array.item()
        # ml_dtypes' bfloat16 has an item of its own type.
        return value if isinstance(value, bool | int | float) else float(value)

    def __bool__(self) -> bool:
        return bool(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __len__(self) -> int:
        if not self._array.ndim:
            raise TypeError("Tensor: has no dimension and no length; use size")
        return len(self._array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is None:
            return np.asarray(self._array, dtype)
        return np.array(self._array, dtype, copy=copy)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        if self._array.dtype.isbuiltin != 1:
            # The interface cannot describe bfloat16: NumPy would return raw bytes.
            raise AttributeError(f"Tensor: the array interface does not support {self.dtype.name}; use asnumpy()")
        return self._array.__array_interface__

    def __repr__(self) -> str:
        return f"Tensor(shape={list(self.shape)}, dtype={self.dtype}, value={array_text(self._array)})"

    def __str__(self) -> str:
        return str(self._array)


def tensor(input_data: Any = None, dtype: Any = None) -> Tensor:
    """Make a tensor; see ``Tensor``.

    Args:
        input_data: numbers, a NumPy array or a tensor.
        dtype: the element type.

    Raises:
        TypeError: the data or its type is not supported.

    >>> tensor(2)
    Tensor(shape=[], dtype=Int64, value= 2)
    """
    return Tensor(input_data, dtype)


def to_array(data: Any, *, given_dtype: bool) -> np.ndarray:
    """The array of a new tensor: a copy of the data, or the memory of a tensor.

    Raises:
        TypeError: the data or its type is not supported.
    """
    if isinstance(data, Tensor):
        return data._array
    if not isinstance(data, np.ndarray | np.generic | list | tuple | bool | int | float):
        raise TypeError(
            f"Tensor: input_data is of type {type(data).__name__}, "
            "expected a number, a list, a tuple, a NumPy array or a tensor"
        )
    try:
        array = np.array(data, order="C")
    except ValueError:
        raise TypeError("Tensor: input_data has lists of different lengths, expected equal lengths") from None
    if isinstance(data, list | tuple | float | int) and not isinstance(data, np.generic) and not given_dtype:
        # Python's numbers have no width.
        default = {"f": float32, "i": int64}.get(array.dtype.kind)
        if default is not None and array.dtype != np.float16:
            array = array.astype(default.numpy)
    as_dtype(array.dtype)
    return array


def convert_array(array: np.ndarray, dtype: DType) -> np.ndarray:
    """Convert an array to a type. An array of that type is returned as it is."""
    if array.dtype == dtype.numpy:
        return array
    # Values out of range wrap or become infinite without a warning, as in MindSpore.
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(dtype.numpy)
