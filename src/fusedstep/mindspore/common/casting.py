"""``Casting``: the same elements in another type."""

from typing import Any

from .array_tensor import ArrayTensor
from .dtype import as_dtype
from .promotion import convert_array


class Casting(ArrayTensor):
    """Conversions to another element type.

    >>> from fusedstep.mindspore import Tensor
    >>> Tensor([1.5, -2.5]).int().tolist(), Tensor([0, 3]).bool().tolist()
    ([1, -2], [False, True])
    """

    def astype(self, dtype: Any, copy: Any = True) -> Any:
        """Convert to an element type. The result shares memory if the type is the tensor's own.

        Args:
            dtype: the element type, also one of NumPy's.
            copy: accepted, without effect.

        Raises:
            TypeError: the type is not supported.

        >>> from fusedstep.mindspore import Tensor
        >>> print(Tensor([1.5, 2.0]).astype("int32"))
        [1 2]
        """
        return self._made(convert_array(self._array, as_dtype(dtype)))

    def to(self, dtype: Any) -> Any:
        """Convert to an element type.

        Args:
            dtype: the element type.
        """
        return self.astype(dtype)

    def bool(self) -> Any:
        """Convert to bool."""
        return self.astype("bool")

    def int(self) -> Any:
        """Convert to int32."""
        return self.astype("int32")

    def long(self) -> Any:
        """Convert to int64."""
        return self.astype("int64")

    def half(self) -> Any:
        """Convert to float16."""
        return self.astype("float16")

    def float(self) -> Any:
        """Convert to float32."""
        return self.astype("float32")

    def double(self) -> Any:
        """Convert to float64."""
        return self.astype("float64")
