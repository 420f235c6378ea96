"""The checks of arrays of JAX, whose shapes and types are known while they are traced."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..arrays import borrow
from ..codegen.storage import ARRAYS
from ..operators import checks
from ..operators.operator import Operator

Shape = tuple[int, ...]
TYPES = "float32, float64, float16 or bfloat16"


def states(operator: Operator, variable: Any, others: Any) -> list[jax.Array | None]:
    """The variable and the other states, those that are not in use as None.

    Raises:
        TypeError: they are no sequence, or of types that are not updated or do not mix.
        ValueError: they are too few or too many, or of other shapes than the variable's.
    """
    names, kinds = operator.signature.states, operator.layout.states
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
    checks.storages_mix(operator.name, tuple(used), tuple(str(each.dtype) for each in in_use))
    if operator.layout.plan.matrices and first.ndim < 2:
        checks.dimensions(operator.name, operator.wanted()[-1], first.shape)
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
        what = f"holds {given.dtype}" if hasattr(given, "dtype") else f"is {borrow.kind(given)}"
        raise TypeError(f"{operator}: {name} {what}, expected an array of {TYPES}") from None
    if str(array.dtype) not in ARRAYS:
        raise TypeError(f"{operator}: {name} holds {array.dtype}, expected {TYPES}")
    # Without a word JAX makes NumPy's float64 float32.
    if str(getattr(given, "dtype", "")).endswith("float64") and array.dtype != "float64":
        raise TypeError(
            f"{operator}: {name} holds float64, expected {array.dtype}, the widest type of JAX here; "
            f'call under jax.enable_x64(True), or pass .astype("{array.dtype}")'
        )
    return array


def of_shape(operator: Operator, name: str, own: Shape, kind: str, shape: Shape) -> None:
    """A state has the shape that its kind asks for beside a variable's shape.

    Raises:
        ValueError: it has another.
    """
    bare = reduced_shape(kind, shape, operator.layout.plan.matrices)
    kept = {"row": (*bare, 1), "column": (*bare[:-1], 1, *bare[-1:])}.get(kind, bare)
    if own not in (bare, kept):
        what = operator.signature.states[0]
        why = f"the shape of {what}" if kind == "element" else f"one number a {kind}"
        raise ValueError(f"{operator.name}: {name} has shape {own}, expected {bare}, {why}")


def reduced_shape(kind: str, shape: Shape, matrices: bool) -> Shape:
    """The shape of a state with one number an element, a row or a column of a variable."""
    if kind == "element":
        return shape
    if kind == "column":
        return (*shape[:-2], *shape[-1:])
    return shape[:-1] if matrices else shape[:1]


def gradient(operator: Operator, name: str, given: Any, shape: Shape, beside: jax.Array) -> jax.Array:
    """A gradient of a shape, of the variable's type or float32 beside a 16-bit variable.

    Raises:
        TypeError: it is no array, or of another type.
        ValueError: it has another shape.
    """
    array, storage = state(operator.name, name, given), str(beside.dtype)
    if array.shape != shape:
        raise ValueError(f"{operator.name}: {name} has shape {array.shape}, expected {shape}")
    if array.dtype != beside.dtype and not (array.dtype == jnp.float32 and storage in checks.SIXTEEN_BITS):
        expected = f"{storage} or float32" if storage in checks.SIXTEEN_BITS else storage
        raise TypeError(
            f"{operator.name}: {name} holds {array.dtype}, expected {expected}, the type of the variable; "
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
