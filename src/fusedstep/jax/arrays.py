"""The checks of arrays of JAX, whose shapes and types are known while they are traced."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..arrays import borrow
from ..operators.checks.arrays import check_dimensions, check_storage_mix
from ..operators.operator import Operator
from ..storage import STORAGES, one_of

Shape = tuple[int, ...]


def states(operator: Operator, variable: Any, others: Any) -> list[jax.Array | None]:
    """The variable and the other states, those that are not in use as None.

    Raises:
        TypeError: they are no sequence, or of types that are not updated or do not mix.
        ValueError: they are too few or too many, or of other shapes than the variable's.
    """
    names, kinds = operator.signature.states, operator.spec.kinds
    if not isinstance(others, tuple | list):
        raise TypeError(
            f"{operator.name}: states is of type {type(others).__name__}, expected a tuple of {listed(names[1:])}"
        )
    if len(others) != len(names) - 1:
        raise ValueError(f"{operator.name}: states holds {len(others)} arrays, expected {listed(names[1:])}")
    found: list[jax.Array | None] = []
    for name, kind, given in zip(names, kinds, (variable, *others), strict=True):
        found.append(state(operator.name, name, given) if kind else None)
    first, *_ = in_use = [each for each in found if each is not None]
    used = [name for name, kind in zip(names, kinds, strict=True) if kind]
    check_storage_mix(operator.name, tuple(used), tuple(str(each.dtype) for each in in_use))
    if operator.spec.matrices and first.ndim < 2:
        check_dimensions(operator.name, operator.array_spec, first.shape)
    for name, kind, each in zip(names, kinds, found, strict=True):
        if each is not None:
            of_shape(operator, name, each.shape, kind, first.shape)
    return found


def state(operator: str, name: str, given: Any) -> jax.Array:
    """An array of a type that is updated, and of the type that it came in.

    Raises:
        TypeError: it is another, no array, or one that JAX makes narrower.
    """
    try:
        array = jnp.asarray(given)
    except (TypeError, ValueError):
        described = isinstance(given, jax.ShapeDtypeStruct) or not hasattr(given, "dtype")
        what = f"is {borrow.kind(given)}" if described else f"holds {given.dtype}"
        raise TypeError(f"{operator}: {name} {what}, expected an array of {one_of()}") from None
    of_type(operator, name, array.dtype, getattr(given, "dtype", array.dtype))
    return array


def of_type(operator: str, name: str, own: Any, given: Any) -> None:
    """A type is one that is updated, and the one that was given.

    Raises:
        TypeError: it is another, or one that JAX makes narrower.
    """
    if str(own) not in STORAGES:
        raise TypeError(f"{operator}: {name} holds {own}, expected {one_of()}")
    # Without a word JAX makes NumPy's float64 float32.
    if str(given).endswith("float64") and own != "float64":
        raise TypeError(
            f"{operator}: {name} holds float64, expected {own}, the widest type of JAX here; "
            f'call under jax.enable_x64(True), or pass .astype("{own}")'
        )


def of_shape(operator: Operator, name: str, own: Shape, kind: str, shape: Shape) -> None:
    """A state has the shape that its kind asks for beside a variable's shape.

    Raises:
        ValueError: it has another.
    """
    bare = reduced_shape(kind, shape, operator.spec.matrices)
    kept = {"row": (*bare, 1), "column": (*bare[:-1], 1, *bare[-1:])}.get(kind, bare)
    if own not in (bare, kept):
        what = operator.signature.states[0]
        why = f"the shape of {what}" if kind == "element" else f"one number a {kind}"
        raise ValueError(f"{operator.name}: {name} has shape {own}, expected {bare}, {why}")


def reduced_shape(kind: str, shape: Shape, matrices: bool) -> Shape:
    """The shape of a state with one number an element, a row or a column of a variable."""
    without = reduced_axes(kind, len(shape), matrices)
    return tuple(each for k, each in enumerate(shape) if k not in without)


def reduced_axes(kind: str, dimensions: int, matrices: bool) -> tuple[int, ...]:
    """The dimensions of a variable that a state with one number an element, a row or a column has not."""
    if kind == "element":
        return ()
    if kind == "column":
        return (dimensions - 2,)
    return (dimensions - 1,) if matrices else tuple(range(1, dimensions))


def gradient(operator: Operator, name: str, given: Any, shape: Shape, beside: jax.Array) -> jax.Array:
    """A gradient of a shape, of the variable's type or float32 beside a narrow variable.

    Raises:
        TypeError: it is no array, or of another type.
        ValueError: it has another shape.
    """
    array, storage = state(operator.name, name, given), str(beside.dtype)
    if array.shape != shape:
        raise ValueError(f"{operator.name}: {name} has shape {array.shape}, expected {shape}")
    accepted = STORAGES[storage].gradients
    if str(array.dtype) not in accepted:
        raise TypeError(
            f"{operator.name}: {name} holds {array.dtype}, expected {one_of(accepted)}, the type of the variable; "
            f'pass {name}.astype("{storage}")'
        )
    return array


def put_back(
    given: Sequence[jax.Array | None], new: Sequence[jax.Array], others: Sequence[Any]
) -> tuple[jax.Array, tuple[Any, ...]]:
    """The new variable and the new states, those that are not in use as they were given."""
    rest = iter(new)
    variable = next(rest)
    return variable, tuple(other if each is None else next(rest) for each, other in zip(given[1:], others, strict=True))


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return ", ".join(names) if names else "nothing"
