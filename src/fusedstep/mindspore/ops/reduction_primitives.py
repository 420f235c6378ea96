"""Sums, means and extremes of a tensor as objects: ``ReduceSum()(x)`` is ``x.sum()`` in the type of ``x``."""

from typing import Any, ClassVar

from ..common.tensor import Tensor


class Reduction:
    """A reduction of some dimensions of a tensor.

    Args:
        keep_dims: whether the dimensions stay, with length 1.

    Raises:
        TypeError: ``keep_dims`` is not a bool.

    >>> table = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> CLASSES["ReduceSum"]()(table).item(), CLASSES["ReduceMax"](keep_dims=True)(table, 1).tolist()
    (10.0, [[2.0], [4.0]])
    """

    method: ClassVar[str]
    keyword: ClassVar[str]

    def __init__(self, keep_dims: bool = False) -> None:
        if not isinstance(keep_dims, bool):
            raise TypeError(f"{self.name}: keep_dims is {keep_dims!r}, expected True or False")
        self.keep_dims = keep_dims

    def __call__(self, x: Tensor, axis: Any = ()) -> Tensor:
        """Reduce a tensor.

        Args:
            x: the tensor.
            axis: the dimensions to reduce; by default all.
        """
        reduced: Tensor = getattr(x, self.method)(axis=axis, **{self.keyword: self.keep_dims})
        result: Tensor = reduced.astype(x.dtype)
        return result

    def __repr__(self) -> str:
        return f"Prim[{self.name}]"

    @property
    def name(self) -> str:
        """The name of the primitive."""
        return type(self).__name__


# The methods of tensors, and what they call ``keep_dims``.
METHODS = {"sum": "keepdims", "mean": "keep_dims", "max": "keepdims", "min": "keepdims", "prod": "keep_dims"}


def reduction(method: str, keyword: str) -> type[Reduction]:
    """Make the class of a method of tensors."""
    doc = f"``Tensor.{method}`` as an object, whose result has the type of its argument."
    members = {"method": method, "keyword": keyword, "__doc__": doc, "__module__": "fusedstep.mindspore.ops.operations"}
    return type(f"Reduce{method.title()}", (Reduction,), members)


CLASSES = {made.__name__: made for made in (reduction(*each) for each in METHODS.items())}
