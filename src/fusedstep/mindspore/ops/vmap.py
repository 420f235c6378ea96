"""``vmap``: a function for each part of its arguments along an axis. It loops over views, so states are updated."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..common.tensor import Tensor

Axes = int | tuple[Any, ...] | list[Any] | None


def vmap(fn: Any, in_axes: Axes = 0, out_axes: Axes = 0) -> Callable[..., Any]:
    """Make a function that calls another with each part of its arguments, and stacks the results.

    The parts are views: an operator that is called with them updates the whole tensors.

    Args:
        fn: the function or cell; or a sequence of them, one for each part.
        in_axes: the axis of each positional argument, None for one that every call gets whole; or one for all.
        out_axes: the axis along which each result is stacked, None for one that is the same in every call; or one
            for all.

    Returns:
        The function. It takes positional arguments.

    Raises:
        TypeError: an axis is neither an integer nor None.
        ValueError: there are not as many axes as arguments or results, an axis is out of range, or lengths differ.

    >>> from fusedstep.mindspore import Parameter, ops
    >>> var, gradient = Parameter([[1.0, 2.0], [3.0, 4.0]], name="var"), Tensor([[0.5, 0.5], [1.0, 1.0]])
    >>> step = vmap(ops.ApplyGradientDescent(), in_axes=(0, None, 0))
    >>> print(step(var, 1.0, gradient))
    [[0.5 1.5]
     [2.  3. ]]
    >>> var.tolist()
    [[0.5, 1.5], [2.0, 3.0]]
    """
    check_axes("in_axes", in_axes)
    check_axes("out_axes", out_axes)
    if not any_axis(in_axes):
        raise ValueError(f"vmap: in_axes is {in_axes!r}, expected an axis for at least one argument")

    def mapped(*arguments: Any) -> Any:
        axes = spread("in_axes", in_axes, arguments, "arguments")
        count = common_length(arguments, axes)
        functions = list(fn) if not callable(fn) or hasattr(fn, "append") else [fn] * count
        if len(functions) != count:
            raise ValueError(f"vmap: has {len(functions)} functions for {count} parts, expected one for each")
        results = [
            function(*(part(argument, axis, number) for argument, axis in zip(arguments, axes, strict=True)))
            for number, function in enumerate(functions)
        ]
        return stacked(results, out_axes)

    return mapped


def check_axes(name: str, axes: Any) -> None:
    """Check that axes are integers or None.

    Raises:
        TypeError: one is neither.
    """
    for axis in axes if isinstance(axes, tuple | list) else [axes]:
        if isinstance(axis, tuple | list):
            check_axes(name, axis)
        elif isinstance(axis, bool) or not isinstance(axis, int | None):
            raise TypeError(f"vmap: {name} has {axis!r}, expected integers or None")


def any_axis(axes: Axes) -> bool:
    """Whether at least one argument is mapped."""
    return any(map(any_axis, axes)) if isinstance(axes, tuple | list) else axes is not None


def spread(name: str, axes: Axes, values: Sequence[Any], kind: str) -> Sequence[Any]:
    """One axis for each of several values.

    Raises:
        ValueError: there are not as many.
    """
    if not isinstance(axes, tuple | list):
        return [axes] * len(values)
    if len(axes) != len(values):
        raise ValueError(f"vmap: {name} has {len(axes)} axes for {len(values)} {kind}, expected one for each")
    return axes


def leaves(argument: Any, axis: Axes) -> list[tuple[Any, Any]]:
    """The tensors of an argument, which may be nested tuples, with their axes."""
    if isinstance(argument, tuple | list):
        pairs = zip(argument, spread("in_axes", axis, argument, "parts of an argument"), strict=True)
        return [leaf for each, own in pairs for leaf in leaves(each, own)]
    return [(argument, axis)]


def common_length(arguments: Sequence[Any], axes: Sequence[Any]) -> int:
    """The number of parts.

    Raises:
        ValueError: an axis is out of range, or lengths differ.
        TypeError: something that is mapped is no tensor.
    """
    lengths: set[int] = set()
    for number, (argument, axis) in enumerate(zip(arguments, axes, strict=True)):
        for leaf, own in leaves(argument, axis):
            if own is None:
                continue
            if not isinstance(leaf, Tensor):
                raise TypeError(
                    f"vmap: argument {number} is of type {type(leaf).__name__} and has the axis {own}, "
                    "expected a Tensor, or None as its axis"
                )
            if not -leaf.ndim <= own < leaf.ndim:
                raise ValueError(f"vmap: argument {number} has shape {leaf.shape} and no axis {own}")
            lengths.add(leaf.shape[own])
    if len(lengths) != 1:
        found = ", ".join(map(str, sorted(lengths)))
        raise ValueError(f"vmap: the mapped axes have the lengths {found}, expected one length")
    return lengths.pop()


def part(argument: Any, axis: Axes, number: int) -> Any:
    """One part of an argument: a view."""
    if isinstance(argument, tuple | list):
        pairs = zip(argument, spread("in_axes", axis, argument, "parts of an argument"), strict=True)
        return type(argument)([part(each, own, number) for each, own in pairs])
    if axis is None:
        return argument
    assert isinstance(axis, int)
    return Tensor._made(np.moveaxis(argument._array, axis, 0)[number, ...])


def stacked(results: list[Any], axis: Axes) -> Any:
    """The results of all parts in one, of the same structure."""
    first = results[0]
    if isinstance(first, tuple | list):
        axes = spread("out_axes", axis, first, "results")
        return tuple(stacked(list(each), own) for each, own in zip(zip(*results, strict=True), axes, strict=True))
    if axis is None or first is None:
        return first
    assert isinstance(axis, int)
    return Tensor._made(np.stack([np.asarray(Tensor(each)) for each in results], axis))
