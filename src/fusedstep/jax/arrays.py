"""The checks of states and gradients. Shapes and types are known even while JAX traces."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..arrays import borrow
from ..codegen.rule.axes import reduced_shape
from ..operators.checks.arrays import check_dimensions, check_storage_mix
from ..operators.operator import Operator
from ..storage import STORAGES, one_of

Shape = tuple[int, ...]


def parse_states(operator: Operator, variable: Any, others: Any) -> list[jax.Array | None]:
    """The variable and the other states as arrays, None for states that are not in use.

    Raises:
        TypeError: the states are not a sequence, or their types are not supported together.
        ValueError: the number of states or a shape is invalid.
    """
    names, kinds = operator.signature.states, operator.spec.kinds
    if not isinstance(others, tuple | list):
        raise TypeError(
            f"{operator.name}: states is of type {type(others).__name__}, expected a tuple of {join_names(names[1:])}"
        )
    given_others = iter(others)
    placed = [next(given_others) if is_given else None for is_given in given_places(operator, len(others))]
    found: list[jax.Array | None] = []
    for name, kind, given in zip(names, kinds, (variable, *placed), strict=True):
        if not kind and given is not None:
            check_array(operator.name, name, given)
        found.append(parse_state(operator.name, name, given) if kind else None)
    first, *_ = in_use = [each for each in found if each is not None]
    used = [name for name, kind in zip(names, kinds, strict=True) if kind]
    check_storage_mix(operator.name, tuple(used), tuple(str(each.dtype) for each in in_use))
    if operator.spec.matrices and first.ndim < 2:
        check_dimensions(operator.name, operator.array_spec, first.shape)
    for name, kind, each in zip(names, kinds, found, strict=True):
        if each is not None:
            check_shape(operator, name, each.shape, kind, first.shape)
    return found


def given_places(operator: Operator, count: int) -> list[bool]:
    """For each state but the variable, whether a tuple of so many states holds it.

    It holds all, or all up to the last that is in use, or those in use.

    Raises:
        ValueError: there is no such tuple of so many states.
    """
    names, kinds = operator.signature.states[1:], operator.spec.kinds[1:]
    used = [bool(kind) for kind in kinds]
    if count == sum(used):
        return used
    last = max((place + 1 for place, is_used in enumerate(used) if is_used), default=0)
    if last <= count <= len(names):
        return [place < count for place in range(len(names))]
    unused = [name for name, is_used in zip(names, used, strict=True) if not is_used]
    optional = f"; the switches leave {join_names(unused)} unused: None, or left out" if unused else ""
    raise ValueError(f"{operator.name}: states holds {count} arrays, expected {join_names(names)}{optional}")


def parse_state(operator: str, name: str, given: Any) -> jax.Array:
    """A state as an array of its own type.

    Raises:
        TypeError: it is not an array, its type is not supported, or JAX would narrow it.
    """
    array = to_array(operator, name, given)
    check_type(operator, name, array.dtype)
    # JAX converts NumPy's float64 to float32 silently.
    if str(getattr(given, "dtype", array.dtype)).endswith("float64") and array.dtype != "float64":
        raise TypeError(
            f"{operator}: {name} holds float64, expected {array.dtype}, the widest type of JAX here; "
            f'call under jax.enable_x64(True), or pass .astype("{array.dtype}")'
        )
    return array


def to_array(operator: str, name: str, given: Any) -> jax.Array:
    """An array of JAX of any type.

    Raises:
        TypeError: ``given`` is not an array.
    """
    try:
        return jnp.asarray(given)
    except (TypeError, ValueError):
        untyped = isinstance(given, jax.ShapeDtypeStruct) or not hasattr(given, "dtype")
        what = f"is {borrow.kind(given)}" if untyped else f"holds {given.dtype}"
        raise TypeError(f"{operator}: {name} {what}, expected an array of {one_of()}") from None


def check_array(operator: str, name: str, given: Any) -> None:
    """Check a state that the rule neither reads nor changes: it is returned as it is.

    Raises:
        TypeError: it is not an array of numbers.
    """
    try:
        jnp.asarray(given)
    except (TypeError, ValueError):
        raise TypeError(
            f"{operator}: {name} is {borrow.kind(given)}, expected an array, or None: the rule does not use it"
        ) from None


def check_type(operator: str, name: str, own: Any) -> None:
    """Check the type of an array.

    Raises:
        TypeError: the type is not supported.
    """
    if str(own) not in STORAGES:
        raise TypeError(f"{operator}: {name} holds {own}, expected {one_of()}")


def check_shape(operator: Operator, name: str, own: Shape, kind: str, shape: Shape) -> None:
    """Check the shape of a state of a kind: element, row or column. A reduced axis may stay, with length 1.

    Raises:
        ValueError: the shape is invalid.
    """
    expected = reduced_shape(kind, shape, operator.spec.matrices)
    with_axis = {"row": (*expected, 1), "column": (*expected[:-1], 1, *expected[-1:])}.get(kind, expected)
    if own not in (expected, with_axis):
        what = operator.signature.states[0]
        why = f"the shape of {what}" if kind == "element" else f"one number per {kind}"
        raise ValueError(f"{operator.name}: {name} has shape {own}, expected {expected}, {why}")


def parse_gradient(operator: Operator, name: str, given: Any, shape: Shape, variable: jax.Array) -> jax.Array:
    """A gradient as an array: of the variable's type, or float32 with a narrow variable.

    Raises:
        TypeError: it is not an array, or its type is invalid.
        ValueError: its shape is invalid.
    """
    array, storage = parse_state(operator.name, name, given), str(variable.dtype)
    if array.shape != shape:
        raise ValueError(f"{operator.name}: {name} has shape {array.shape}, expected {shape}")
    accepted = STORAGES[storage].gradients
    if str(array.dtype) not in accepted:
        raise TypeError(
            f"{operator.name}: {name} holds {array.dtype}, expected {one_of(accepted)}, the type of the variable; "
            f'pass {name}.astype("{storage}")'
        )
    return array


def restore_unused(operator: Operator, new: Sequence[jax.Array], others: Sequence[Any]) -> tuple[jax.Array, Any]:
    """The new variable and the new states, in a sequence like ``others``; those not in use come from there."""
    variable, *remaining = new
    after, before = iter(remaining), iter(others)
    placed = zip(given_places(operator, len(others)), operator.spec.kinds[1:], strict=True)
    states = [(next(before), kind) for is_given, kind in placed if is_given]
    return variable, like_sequence(others, [next(after) if kind else state for state, kind in states])


def like_sequence(given: Sequence[Any], values: list[Any]) -> Any:
    """Values in a list, a named tuple or a tuple, as ``given`` is."""
    if isinstance(given, list):
        return values
    return type(given)(*values) if hasattr(given, "_fields") else tuple(values)


def join_names(names: Sequence[str]) -> str:
    """Names as a part of a sentence."""
    return ", ".join(names) if names else "nothing"
