"""``ElementFunctions``: functions of each element of a tensor, as methods."""

from typing import Any

import numpy as np

from .arithmetic import Arithmetic, floating
from .promotion import as_operand


class ElementFunctions(Arithmetic):
    """Functions of one element. Those without integer results return float32 for integers.

    >>> from fusedstep.mindspore import Tensor
    >>> Tensor([4, 9]).sqrt().tolist(), Tensor([-1.5, 2.5]).clip(-1, 2).tolist()
    ([2.0, 3.0], [-1.0, 2.0])
    """

    def abs(self) -> Any:
        """The absolute value."""
        return abs(self)

    def sqrt(self) -> Any:
        """The square root."""
        with np.errstate(all="ignore"):
            return self._made(np.sqrt(floating(self._array)))

    def rsqrt(self) -> Any:
        """One divided by the square root."""
        return 1 / self.sqrt()

    def square(self) -> Any:
        """The square."""
        return self * self

    def exp(self) -> Any:
        """The exponential."""
        with np.errstate(all="ignore"):
            return self._made(np.exp(floating(self._array)))

    def log(self) -> Any:
        """The natural logarithm."""
        with np.errstate(all="ignore"):
            return self._made(np.log(floating(self._array)))

    def sign(self) -> Any:
        """-1, 0 or 1."""
        return self._made(np.sign(self._array))

    def pow(self, exponent: Any) -> Any:
        """The power.

        Args:
            exponent: a tensor or a number.
        """
        return self**exponent

    def add(self, other: Any) -> Any:
        """The sum with a tensor or a number.

        Args:
            other: the tensor or number.
        """
        return self + other

    def sub(self, other: Any) -> Any:
        """The difference with a tensor or a number.

        Args:
            other: the tensor or number.
        """
        return self - other

    def mul(self, other: Any) -> Any:
        """The product with a tensor or a number.

        Args:
            other: the tensor or number.
        """
        return self * other

    def div(self, other: Any) -> Any:
        """The quotient with a tensor or a number.

        Args:
            other: the tensor or number.
        """
        return self / other

    def maximum(self, other: Any) -> Any:
        """The larger of two elements.

        Args:
            other: a tensor or a number.
        """
        return self._combine(np.maximum, other)

    def minimum(self, other: Any) -> Any:
        """The smaller of two elements.

        Args:
            other: a tensor or a number.
        """
        return self._combine(np.minimum, other)

    def clip(self, min: Any = None, max: Any = None) -> Any:  # noqa: A002
        """The elements, not below one bound nor above another.

        Args:
            min: the lower bound, or None.
            max: the upper bound, or None.
        """
        result = self if min is None else self.maximum(min)
        return result if max is None else result.minimum(max)

    clamp = clip

    def fill(self, value: float) -> Any:
        """A tensor of the same shape and type, full of one number.

        Args:
            value: the number.
        """
        return self._made(np.full(self.shape, as_operand(value, self.dtype)))
