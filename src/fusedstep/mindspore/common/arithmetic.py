"""``Arithmetic``: the operators of tensors, element by element, with MindSpore's types of results."""

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from .array_tensor import ArrayTensor
from .dtype import DType, as_dtype, float32
from .promotion import FLOATS, as_operand, convert_array, highest, type_beside_number


class Arithmetic(ArrayTensor):
    """Arithmetic and comparison. Tensors and numbers are converted to their highest type first; there is no autodiff.

    >>> from fusedstep.mindspore import Tensor
    >>> 1 - Tensor([1, 2]) / 2
    Tensor(shape=[2], dtype=Float32, value= [ 5.00000000e-01,  0.00000000e+00])
    >>> print(Tensor([1, 2, 3]) > Tensor(2.5))
    [False False  True]
    """

    def __add__(self, other: Any) -> Any:
        return self._combine(np.add, other)

    def __radd__(self, other: Any) -> Any:
        return self._combine(np.add, other)

    def __sub__(self, other: Any) -> Any:
        return self._combine(subtract, other)

    def __rsub__(self, other: Any) -> Any:
        return self._combine(subtract, other, reflected=True)

    def __mul__(self, other: Any) -> Any:
        return self._combine(np.multiply, other)

    def __rmul__(self, other: Any) -> Any:
        return self._combine(np.multiply, other)

    def __truediv__(self, other: Any) -> Any:
        return self._combine(np.divide, other, at_least_float=True)

    def __rtruediv__(self, other: Any) -> Any:
        return self._combine(np.divide, other, reflected=True, at_least_float=True)

    def __floordiv__(self, other: Any) -> Any:
        return self._combine(np.floor_divide, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._combine(np.floor_divide, other, reflected=True)

    def __mod__(self, other: Any) -> Any:
        return self._combine(np.mod, other)

    def __rmod__(self, other: Any) -> Any:
        return self._combine(np.mod, other, reflected=True)

    def __pow__(self, other: Any) -> Any:
        return self._combine(power, other)

    def __rpow__(self, other: Any) -> Any:
        return self._combine(power, other, reflected=True)

    def __and__(self, other: Any) -> Any:
        return self._combine(np.bitwise_and, other)

    def __or__(self, other: Any) -> Any:
        return self._combine(np.bitwise_or, other)

    def __xor__(self, other: Any) -> Any:
        return self._combine(np.bitwise_xor, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __matmul__(self, other: Any) -> Any:
        if not isinstance(other, ArrayTensor):
            return NotImplemented
        return self._combine(np.matmul, other)

    def __lt__(self, other: Any) -> Any:
        return self._combine(np.less, other)

    def __le__(self, other: Any) -> Any:
        return self._combine(np.less_equal, other)

    def __gt__(self, other: Any) -> Any:
        return self._combine(np.greater, other)

    def __ge__(self, other: Any) -> Any:
        return self._combine(np.greater_equal, other)

    def __eq__(self, other: object) -> Any:
        # As in MindSpore, what is neither a tensor nor a number is just another thing.
        return False if isinstance(other, np.ndarray) else self._combine(np.equal, other)

    def __ne__(self, other: object) -> Any:
        return True if isinstance(other, np.ndarray) else self._combine(np.not_equal, other)

    # Comparison yields tensors; as keys tensors are themselves.
    __hash__ = object.__hash__

    def __neg__(self) -> Any:
        if self._array.dtype == np.bool_:
            raise TypeError("Tensor: negative does not support bool, expected numbers; use ~")
        return self._made(-self._array)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self._made(np.abs(self._array))

    def __invert__(self) -> Any:
        # As in MindSpore, the logical not, also of numbers.
        return self._made(np.logical_not(self._array))

    def _combine(
        self, function: Callable[..., Any], other: Any, *, reflected: bool = False, at_least_float: bool = False
    ) -> Any:
        """A function of two operands, each converted to the type of both."""
        if isinstance(other, ArrayTensor):
            dtype = self.dtype if self._array.dtype == other._array.dtype else highest({self.dtype, other.dtype})
        elif isinstance(other, bool | int | float | np.bool_) or is_real(other):
            dtype = type_beside_number(self.dtype, other)
        elif isinstance(other, np.ndarray):
            raise TypeError(
                "Tensor: the other operand is a NumPy array, expected a Tensor or a number; use Tensor(array)"
            )
        else:
            return NotImplemented
        if at_least_float and dtype.name not in FLOATS:
            dtype = float32
        ours = convert_array(self._array, dtype)
        theirs = convert_array(other._array, dtype) if isinstance(other, ArrayTensor) else as_operand(other, dtype)
        pair = (theirs, ours) if reflected else (ours, theirs)
        try:
            with np.errstate(all="ignore"):
                return self._made(function(*pair))
        except TypeError:
            raise TypeError(f"Tensor: {function.__name__} does not support {dtype.name}") from None
        except ValueError:
            shapes = " and ".join(str(each.shape) for each in pair)
            raise ValueError(f"Tensor: {function.__name__} of shapes {shapes}, which do not fit together") from None


def is_real(value: Any) -> bool:
    """Whether a value is a number without an imaginary part, such as a scalar of NumPy."""
    return isinstance(value, numbers.Real) and not isinstance(value, complex)


def subtract(left: np.ndarray, right: np.ndarray) -> Any:
    """The difference; of bools, where they differ."""
    return np.not_equal(left, right) if left.dtype == np.bool_ else np.subtract(left, right)


def power(base: np.ndarray, exponent: np.ndarray) -> Any:
    """The power; of integers with a negative exponent, its integer part."""
    if base.dtype.kind != "i" or not (exponent < 0).any():
        return np.power(base, exponent)
    inverse = np.trunc(np.divide(1.0, np.power(base, abs(exponent), dtype=np.float64)))
    return np.where(exponent < 0, inverse, np.power(base, np.maximum(exponent, 0))).astype(base.dtype)


def floating(array: np.ndarray) -> np.ndarray:
    """An array for functions that have no integer results: integers and bools become float32."""
    dtype: DType = as_dtype(array.dtype)
    return array if dtype.name in FLOATS else convert_array(array, float32)
