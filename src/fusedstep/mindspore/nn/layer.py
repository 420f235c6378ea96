"""The one layer that optimizers use."""

from typing import Any

from ..unavailable import attribute_finder
from .cell import Cell

__getattr__ = attribute_finder(__name__)


class Norm(Cell):
    """The Euclidean norm.

    Args:
        axis: the dimensions; an empty tuple means all.
        keep_dims: whether they stay, with length 1.

    >>> from fusedstep.mindspore import Tensor
    >>> Norm()(Tensor([3.0, 4.0])).item()
    5.0
    """

    def __init__(self, axis: Any = (), keep_dims: bool = False) -> None:
        super().__init__()
        self.axis, self.keep_dims = axis, keep_dims

    def construct(self, x: Any) -> Any:
        """The norm of a tensor.

        Args:
            x: the tensor.
        """
        return x.square().sum(axis=self.axis, keepdims=self.keep_dims).sqrt()
