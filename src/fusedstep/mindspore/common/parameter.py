"""``Parameter``: a tensor with a name. Operators update it in place and never convert it."""

import itertools
from typing import Any

import numpy as np

from .tensor import Tensor

_count = itertools.count(1)


class Parameter(Tensor):
    """A tensor with a name and its own memory.

    Args:
        default_input: the data, as for a tensor; it is copied.
        name: its name. By default a cell names its parameters after its attributes.
        requires_grad: whether it is trained.

    Raises:
        TypeError: the data is not supported, the name is not a string, or ``requires_grad`` is not a bool.

    >>> Parameter(Tensor([1.0, 2.0]), name="var")
    Parameter (name=var, shape=(2,), dtype=Float32, requires_grad=True)
    """

    def __init__(self, default_input: Any, name: str | None = None, requires_grad: bool = True) -> None:
        # As in MindSpore, a single Python int is int64 in a tensor, but int32 in a parameter.
        super().__init__(default_input, "int32" if type(default_input) is int else None)
        if isinstance(default_input, Tensor):
            self._array = np.array(self._array, order="C")
        if not isinstance(name, str | None):
            raise TypeError(f"Parameter: name is of type {type(name).__name__}, expected a string")
        if type(requires_grad) is not bool:
            raise TypeError(f"Parameter: requires_grad is {requires_grad!r}, expected True or False")
        self.has_name = name is not None
        self.name = name if name is not None else f"Parameter#{next(_count)}"
        self.requires_grad = requires_grad

    def __repr__(self) -> str:
        return (
            f"Parameter (name={self.name}, shape={self.shape}, dtype={self.dtype}, requires_grad={self.requires_grad})"
        )

    def __str__(self) -> str:
        return repr(self)
