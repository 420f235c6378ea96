"""``Tensor``: a NumPy array with MindSpore's interface."""

from typing import Any

import numpy as np

from .casting import Casting
from .dtype import as_dtype, float32, int64
from .functions import ElementFunctions
from .indexing import Indexing
from .printing import array_text
from .promotion import convert_array
from .reductions import Reductions
from .shaping import Shaping


class Tensor(ElementFunctions, Reductions, Indexing, Shaping, Casting):
    """An array with MindSpore's constructor, methods and printed form. There is no autodiff.

    Args:
        input_data: a number, a bool, a list or tuple of these, or a NumPy array, which is copied; or a tensor, whose
            memory is shared unless its type changes.
        dtype: the element type. By default Python's floats become float32 and ints int64; arrays keep their type.
        shape: the lengths of a tensor that ``init`` fills; then there is no data.
        init: an ``Initializer`` of ``common.initializer``.

    Raises:
        TypeError: the data or its type is not supported.
        ValueError: data is given beside a shape, or ``init`` without shape and type.

    >>> Tensor([0.5, 1])
    Tensor(shape=[2], dtype=Float32, value= [ 5.00000000e-01,  1.00000000e+00])
    """

    def __init__(self, input_data: Any = None, dtype: Any = None, shape: Any = None, init: Any = None) -> None:
        if shape is not None or init is not None:
            self._array = filled(input_data, dtype, shape, init)
            return
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
        return Tensor._made(array)

    @staticmethod
    def _made(array: Any) -> "Tensor":
        made = Tensor.__new__(Tensor)
        # NumPy's functions return scalars for arrays without dimensions.
        made._array = np.asarray(array)
        return made

    def copy(self) -> "Tensor":
        """A tensor of the same elements in memory of its own."""
        return Tensor._made(self._array.copy())

    def value(self) -> "Tensor":
        """The tensor itself."""
        return self

    @property
    def has_init(self) -> bool:
        """Whether the elements are still to be filled: never, here."""
        return False

    def init_data(self, *_: Any, **__: Any) -> "Tensor":
        """The tensor itself, whose elements are filled from the start."""
        return self

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


def filled(data: Any, dtype: Any, shape: Any, init: Any) -> np.ndarray:
    """The array of a tensor that is made of a shape.

    Raises:
        ValueError: data is given beside a shape, or ``init`` without shape and type.
        TypeError: ``init`` does not fill arrays.
    """
    if data is not None:
        raise ValueError("Tensor: input_data is given beside shape or init, expected one of them")
    if dtype is None or shape is None:
        raise ValueError("Tensor: init, shape and dtype go together, expected each of them")
    # A length of None or -1 is open: such a tensor describes a shape, and holds nothing.
    given = shape if isinstance(shape, tuple | list) else (shape,)
    array = np.zeros([max(0, length or 0) for length in given], as_dtype(dtype).numpy)
    if init is not None:
        if not callable(init):
            raise TypeError(
                f"Tensor: init is {init!r}, expected an Initializer; common.initializer.initializer() takes names"
            )
        init(array)
    return array
