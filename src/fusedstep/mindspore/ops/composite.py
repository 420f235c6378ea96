"""Functions of functions: over nested tuples of tensors, and with one meaning for each combination of types."""

import numbers
from collections.abc import Callable
from typing import Any

from ..common.sparse_tensor import RowTensorInner
from ..common.tensor import Tensor
from ..unavailable import attribute_finder
from .functional import GRADIENTS, clip_by_global_norm, clip_by_value, ones_like, zeros_like

__all__ = [
    "HyperMap",
    "Map",
    "MultitypeFuncGraph",
    "clip_by_global_norm",
    "clip_by_value",
    "ones_like",
    "zeros_like",
]

__getattr__ = attribute_finder(__name__, GRADIENTS)

KINDS: dict[str, Callable[[Any], bool]] = {
    "Bool": lambda value: isinstance(value, bool),
    "Dict": lambda value: isinstance(value, dict),
    "Function": callable,
    "List": lambda value: isinstance(value, list),
    "None": lambda value: value is None,
    "Number": lambda value: isinstance(value, numbers.Number),
    "RowTensor": lambda value: isinstance(value, RowTensorInner),
    "String": lambda value: isinstance(value, str),
    "Tensor": lambda value: isinstance(value, Tensor),
    "Tuple": lambda value: isinstance(value, tuple),
}


class MultitypeFuncGraph:
    """A function with one meaning for each combination of its arguments' types.

    Args:
        name: its name in errors.
        read_value: accepted, without effect.
        doc_url: accepted, without effect.

    >>> scale = MultitypeFuncGraph("scale")
    >>> @scale.register("Number", "Tensor")
    ... def scale_tensor(factor, tensor):
    ...     return factor * tensor
    >>> @scale.register("Number", "RowTensor")
    ... def scale_rows(factor, rows):
    ...     return RowTensorInner(rows.indices, factor * rows.values, rows.dense_shape)
    >>> print(scale(2, Tensor([1.0])))
    [2.]
    """

    def __init__(self, name: str, read_value: bool = False, doc_url: str = "") -> None:
        self.name = name
        self._meanings: list[tuple[tuple[str, ...], Callable[..., Any]]] = []

    def register(self, *type_names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate the function for a combination of types.

        Args:
            *type_names: "Tensor", "RowTensor", "Number", "Bool", "Function", "Tuple", "List", "Dict", "String" or
                "None" for each argument.

        Raises:
            ValueError: a name is unknown.
        """
        for each in type_names:
            if each not in KINDS:
                raise ValueError(f"{self.name}: {each!r} is no type of arguments, expected one of {', '.join(KINDS)}")

        def register_function(function: Callable[..., Any]) -> Callable[..., Any]:
            self._meanings.append((type_names, function))
            return function

        return register_function

    def __call__(self, *arguments: Any) -> Any:
        for kinds, function in self._meanings:
            if len(kinds) == len(arguments) and all(
                KINDS[kind](value) for kind, value in zip(kinds, arguments, strict=True)
            ):
                return function(*arguments)
        given = ", ".join(type(value).__name__ for value in arguments)
        known = "; ".join(f"({', '.join(kinds)})" for kinds, _ in self._meanings)
        raise ValueError(f"{self.name}: called with ({given}), expected {known}")


class Map:
    """Call a function with the elements of tuples or lists, one after the other.

    Args:
        ops: the function; without it, it is the first argument of each call.
        reverse: whether to begin at the end. The order of results stays.

    >>> Map()(lambda a, b: a + b, (1, 2), (10, 20))
    (11, 22)
    """

    nested = False

    def __init__(self, ops: Callable[..., Any] | None = None, reverse: bool = False) -> None:
        self.ops, self.reverse = ops, reverse

    def __call__(self, *arguments: Any) -> Any:
        if self.ops is not None:
            return self._over(self.ops, arguments)
        return self._over(arguments[0], arguments[1:])

    def _over(self, function: Callable[..., Any], values: tuple[Any, ...]) -> Any:
        lengths = {len(each) for each in values}
        if len(lengths) != 1:
            raise ValueError(f"{type(self).__name__}: the lengths are {sorted(lengths)}, expected one length")
        rows = list(zip(*values, strict=True))
        results = [self._element(function, row) for row in (reversed(rows) if self.reverse else rows)]
        return tuple(reversed(results) if self.reverse else results)

    def _element(self, function: Callable[..., Any], row: tuple[Any, ...]) -> Any:
        if self.nested and all(isinstance(each, tuple | list) for each in row):
            return self._over(function, row)
        return function(*row)


class HyperMap(Map):
    """Call a function with the elements of tuples or lists, also of those in them.

    Args:
        ops: the function; without it, it is the first argument of each call.
        reverse: whether to begin at the end. The order of results stays.

    >>> HyperMap()(lambda a, b: a + b, (1, (2, 3)), [10, [20, 30]])
    (11, (22, 33))
    """

    nested = True
