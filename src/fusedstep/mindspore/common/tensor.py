"""Tensors: NumPy memory under MindSpore's names, without arithmetic."""

from typing import Any

import numpy as np

from .dtype import DType, as_dtype, float32, int64
from .listing import listing


class Tensor:
    """An array with MindSpore's constructor, attributes and looks, and no arithmetic.

    Args:
        input_data: a number, a bool, a list or tuple of them, or a NumPy array, all of which are copied; or a tensor,
            whose memory is shared unless its type changes.
        dtype: the element type. By default floats are float32 and ints int64, and arrays keep theirs.

    Raises:
        TypeError: the data or its type is another.

    >>> Tensor([0.5, 1])
    Tensor(shape=[2], dtype=Float32, value= [ 5.00000000e-01,  1.00000000e+00])
    """

    def __init__(self, input_data: Any = None, dtype: Any = None) -> None:
        array = elements(input_data, given_dtype=dtype is not None)
        self._array = array if dtype is None else converted(array, as_dtype(dtype))

    @staticmethod
    def from_numpy(array: np.ndarray) -> "Tensor":
        """A tensor over an array's own memory.

        Args:
            array: the array.

        Raises:
            TypeError: it is no NumPy array, or of a type that tensors do not hold.

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
        """The tensor's own memory as a NumPy array: what is written there, operators see.

        >>> tensor = Tensor([1.0, 2.0])
        >>> tensor.asnumpy()[0] = 3
        >>> print(tensor)
        [3. 2.]
        """
        return self._array.view()

    def astype(self, dtype: Any) -> "Tensor":
        """A tensor of another element type, over the same memory if it is this tensor's own.

        Args:
            dtype: the element type; NumPy's are understood too.

        Raises:
            TypeError: it is another type.

        >>> print(Tensor([1.5, 2.0]).astype("int32"))
        [1 2]
        """
        return Tensor.from_numpy(converted(self._array, as_dtype(dtype)))

    def item(self) -> Any:
        """The only element, as a Python number.

        Raises:
            ValueError: there is not exactly one element.

        >>> Tensor([1.5]).item()
        1.5
        """
        if self._array.size != 1:
            raise ValueError(f"Tensor: has {self._array.size} elements, expected exactly one to make a number of")
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
            raise TypeError("Tensor: has no dimension, and therefore no length; see size")
        return len(self._array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is None:
            return np.asarray(self._array, dtype)
        return np.array(self._array, dtype, copy=copy)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        if self._array.dtype.isbuiltin != 1:
            # bfloat16 cannot be described here: without its type it would come back as raw bytes.
            raise AttributeError(f"the array interface has no {self.dtype.name}; see asnumpy()")
        return self._array.__array_interface__

    def __repr__(self) -> str:
        return f"Tensor(shape={list(self.shape)}, dtype={self.dtype}, value={listing(self._array)})"

    def __str__(self) -> str:
        return str(self._array)


def tensor(input_data: Any = None, dtype: Any = None) -> Tensor:
    """A tensor; see ``Tensor``.

    Args:
        input_data: numbers, a NumPy array or a tensor.
        dtype: the element type.

    Raises:
        TypeError: tensors do not hold the data or its type.

    >>> tensor(2)
    Tensor(shape=[], dtype=Int64, value= 2)
    """
    return Tensor(input_data, dtype)


def elements(data: Any, *, given_dtype: bool) -> np.ndarray:
    """The array behind a tensor of some data: a copy, save for the data of a tensor.

    Raises:
        TypeError: the data is nothing that a tensor is made of.
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
        raise TypeError("Tensor: input_data is a list of lists of different lengths, expected equal ones") from None
    if isinstance(data, list | tuple | float | int) and not isinstance(data, np.generic) and not given_dtype:
        # What Python brings has no width of its own.
        default = {"f": float32, "i": int64}.get(array.dtype.kind)
        if default is not None and array.dtype != np.float16:
            array = array.astype(default.numpy)
    as_dtype(array.dtype)
    return array


def converted(array: np.ndarray, dtype: DType) -> np.ndarray:
    """An array of another type; itself if it is of that type."""
    if array.dtype == dtype.numpy:
        return array
    # A value out of range becomes what the type makes of it, without a word, as in MindSpore.
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(dtype.numpy)
