"""``Shaping``: the same elements in another shape. Results share memory where NumPy's do."""

from typing import Any

import numpy as np

from .array_tensor import ArrayTensor


class Shaping(ArrayTensor):
    """Other shapes of a tensor.

    >>> from fusedstep.mindspore import Tensor
    >>> table = Tensor([[1, 2, 3], [4, 5, 6]])
    >>> table.T.shape, table.reshape(3, 2).tolist(), table.flatten().shape
    ((3, 2), [[1, 2], [3, 4], [5, 6]], (6,))
    """

    @property
    def T(self) -> Any:  # noqa: N802
        """The tensor with its dimensions in reverse order: a view."""
        return self._made(self._array.T)

    def reshape(self, *shape: Any) -> Any:
        """The elements in another shape: a view where possible.

        Args:
            *shape: the lengths, or one tuple or list of them; one may be -1, what is left.

        Raises:
            ValueError: the shape has another number of elements.
        """
        wanted = lengths(shape)
        try:
            return self._made(self._array.reshape(wanted))
        except ValueError:
            raise ValueError(f"Tensor: shape {self.shape} cannot be reshaped to {wanted}") from None

    def view(self, *shape: Any) -> Any:
        """The elements in another shape: a view where possible, as in MindSpore.

        Args:
            *shape: the lengths, or one tuple or list of them; one may be -1, what is left.

        Raises:
            ValueError: the shape has another number of elements.
        """
        return self.reshape(*shape)

    def flatten(self) -> Any:
        """The elements in one dimension."""
        return self.reshape(-1)

    ravel = flatten

    def transpose(self, *axes: Any) -> Any:
        """The dimensions in another order: a view.

        Args:
            *axes: the order, or one tuple or list of it; by default reversed.
        """
        return self._made(self._array.transpose(lengths(axes) if axes else None))

    def permute(self, *axes: Any) -> Any:
        """The dimensions in another order: a view.

        Args:
            *axes: the order, or one tuple or list of it.
        """
        return self.transpose(*axes)

    def swapaxes(self, axis0: int, axis1: int) -> Any:
        """The tensor with two dimensions exchanged: a view.

        Args:
            axis0: one dimension.
            axis1: the other.
        """
        return self._made(self._array.swapaxes(axis0, axis1))

    def expand_dims(self, axis: int) -> Any:
        """The tensor with one more dimension, of length 1: a view.

        Args:
            axis: its place.
        """
        return self._made(np.expand_dims(self._array, axis))

    def squeeze(self, axis: Any = None) -> Any:
        """The tensor without dimensions of length 1: a view.

        Args:
            axis: which of them; by default all.
        """
        return self._made(self._array.squeeze(axis))

    def broadcast_to(self, shape: Any) -> Any:
        """The elements repeated to a larger shape.

        Args:
            shape: the shape.
        """
        return self._made(np.broadcast_to(self._array, lengths((shape,))).copy())


def lengths(given: tuple[Any, ...]) -> tuple[int, ...]:
    """The lengths of a call that takes them one by one or in one tuple or list."""
    one = given[0] if len(given) == 1 and isinstance(given[0], tuple | list) else given
    return tuple(map(int, one))
