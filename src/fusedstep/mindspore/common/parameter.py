"""``Parameter``: a tensor with a name. Operators update it in place and never convert it."""

import itertools
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from .initializer import initializer
from .promotion import as_operand, convert_array
from .tensor import Tensor

_count = itertools.count(1)


class Parameter(Tensor):
    """A tensor with a name and its own memory.

    Args:
        default_input: the data, as for a tensor; it is copied.
        name: its name. By default a cell names its parameters after its attributes.
        requires_grad: whether it is trained.
        layerwise_parallel: kept as an attribute; it has no effect in one process.
        parallel_optimizer: kept as an attribute; it has no effect in one process.

    Raises:
        TypeError: the data is not supported, the name is not a string, or ``requires_grad`` is not a bool.

    >>> Parameter(Tensor([1.0, 2.0]), name="var")
    Parameter (name=var, shape=(2,), dtype=Float32, requires_grad=True)
    """

    def __init__(
        self,
        default_input: Any,
        name: str | None = None,
        requires_grad: bool = True,
        layerwise_parallel: bool = False,
        parallel_optimizer: bool = True,
    ) -> None:
        # As in MindSpore, a single Python int is int64 in a tensor, but int32 in a parameter.
        super().__init__(default_input, "int32" if type(default_input) is int else None)
        if isinstance(default_input, Tensor):
            self._array = np.array(self._array, order="C")
        if not isinstance(name, str | None):
            raise TypeError(f"Parameter: name is of type {type(name).__name__}, expected a string")
        if type(requires_grad) is not bool:
            raise TypeError(f"Parameter: requires_grad is {requires_grad!r}, expected True or False")
        self.has_name = bool(name)
        self.name = name or f"Parameter#{next(_count)}"
        self.requires_grad = requires_grad
        self.layerwise_parallel, self.parallel_optimizer = layerwise_parallel, parallel_optimizer

    @property
    def data(self) -> Tensor:
        """A tensor that shares the parameter's memory.

        >>> var = Parameter([1.0, 2.0], name="var")
        >>> var.data[0] = 5
        >>> var.tolist()
        [5.0, 2.0]
        """
        return Tensor._made(self._array)

    def value(self) -> Tensor:
        """A tensor of the same elements in memory of its own, as in MindSpore. ``data`` shares memory."""
        return self.copy()

    def set_data(self, data: Any, slice_shape: bool = False) -> "Parameter":
        """Replace the elements. They are written into the parameter's memory, unless the shape is another.

        Args:
            data: a tensor or a number, which is converted to the parameter's type.
            slice_shape: accepted; the shape may always be another.

        Returns:
            The parameter.

        Raises:
            TypeError: the data is neither a tensor nor a number, or a float for an integer parameter.

        >>> print(Parameter([1.0, 2.0], name="var").set_data(Tensor([3, 4])).value())
        [3. 4.]
        """
        if not isinstance(data, Tensor | int | float):
            raise TypeError(f"Parameter.set_data: data is of type {type(data).__name__}, expected a Tensor or a number")
        if isinstance(data, float) and self._array.dtype.kind in "iu":
            raise TypeError(f"Parameter.set_data: data is {data!r}, expected an integer for {self.dtype.name}")
        given = convert_array(data._array, self.dtype) if isinstance(data, Tensor) else as_operand(data, self.dtype)
        if given.shape == self.shape:
            self._array[...] = given
        else:
            self._array = given.copy()
        return self

    def clone(self, init: Any = "same") -> "Parameter":
        """A parameter of the same name, shape and type in memory of its own.

        Args:
            init: "same" for the same elements; else what ``initializer`` takes.

        Raises:
            ValueError: ``init`` is a tensor of another shape, or an unknown name.

        >>> Parameter([1.0, 2.0], name="var").clone("zeros").tolist()
        [0.0, 0.0]
        """
        made = Parameter(self, self.name, self.requires_grad, self.layerwise_parallel, self.parallel_optimizer)
        made.has_name = self.has_name
        same = isinstance(init, str) and init == "same"
        return made if same else made.set_data(initializer(init, self.shape, self.dtype))

    def __repr__(self) -> str:
        return (
            f"Parameter (name={self.name}, shape={self.shape}, dtype={self.dtype}, requires_grad={self.requires_grad})"
        )

    def __str__(self) -> str:
        return repr(self)


class ParameterTuple(tuple[Parameter, ...]):
    """A tuple of parameters whose names differ.

    Raises:
        TypeError: something is not a parameter.
        ValueError: two parameters have one name.

    >>> weights = ParameterTuple([Parameter([1.0], name="a"), Parameter([2.0], name="b")])
    >>> weights.clone("moment", init="zeros")[1]
    Parameter (name=moment.b, shape=(1,), dtype=Float32, requires_grad=True)
    """

    def __new__(cls, iterable: Iterable[Parameter]) -> "ParameterTuple":
        parameters = tuple(iterable)
        named: dict[str, Parameter] = {}
        for each in parameters:
            if not isinstance(each, Parameter):
                raise TypeError(f"ParameterTuple: has a {type(each).__name__}, expected parameters")
            if named.setdefault(each.name, each) is not each:
                raise ValueError(f"ParameterTuple: two parameters are named {each.name!r}, expected different names")
        return super().__new__(cls, parameters)

    def clone(self, prefix: str, init: Any = "same") -> "ParameterTuple":
        """Parameters of the same shapes and types in memory of their own.

        Args:
            prefix: comes before each name, with a dot.
            init: "same" for the same elements; else what ``initializer`` takes.

        Raises:
            ValueError: the prefix has other characters than letters, digits, underscores and dots.
        """
        if not re.fullmatch(r"\w+[0-9a-zA-Z_.]*", prefix, re.ASCII):
            raise ValueError(f"ParameterTuple.clone: prefix is {prefix!r}, expected letters, digits, '_' and '.'")
        # A parameter that occurs twice is one parameter in the clone, too.
        clones = {id(each): each.clone(init) for each in self}
        for each in clones.values():
            each.name, each.has_name = f"{prefix}.{each.name}", True
        return ParameterTuple(clones[id(each)] for each in self)
