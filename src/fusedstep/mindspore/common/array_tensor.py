"""``ArrayTensor``: the memory of a tensor, and what can be read from it without arithmetic."""

from typing import Any

import numpy as np

from .dtype import DType, as_dtype


class ArrayTensor:
    """What tensors have that is neither arithmetic nor indexing: memory, shape and type.

    >>> from fusedstep.mindspore import Tensor
    >>> tensor = Tensor([[1.0, 2.0]])
    >>> tensor.shape, tensor.ndim, tensor.nbytes, tensor.tolist()
    ((1, 2), 2, 8, [[1.0, 2.0]])
    """

    _array: np.ndarray

    @staticmethod
    def _made(array: Any) -> Any:
        """A tensor of an array's memory, or of a NumPy scalar."""
        raise NotImplementedError

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

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self._array.nbytes

    @property
    def strides(self) -> tuple[int, ...]:
        """The bytes from one element to the next in each dimension."""
        return self._array.strides

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    def asnumpy(self) -> np.ndarray:
        """The tensor's memory as a NumPy array. Writing to the array changes the tensor.

        >>> from fusedstep.mindspore import Tensor
        >>> tensor = Tensor([1.0, 2.0])
        >>> tensor.asnumpy()[0] = 3
        >>> print(tensor)
        [3. 2.]
        """
        return self._array.view()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers, or the number of a tensor without dimensions."""
        values = self._array if self._array.dtype.isbuiltin == 1 else self._array.astype(np.float32)
        return values.tolist()

    def item(self) -> Any:
        """The only element, as a Python number.

        Raises:
            ValueError: there is not exactly one element.

        >>> from fusedstep.mindspore import Tensor
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

    def __index__(self) -> int:
        if self._array.dtype.kind not in "iub" or self._array.size != 1:
            raise TypeError(
                f"Tensor: shape {self.shape} of {self.dtype.name} is no index, expected one element of an integer type"
            )
        return int(self._array.item())

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
