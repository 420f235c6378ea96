"""What a transformation keeps: how its state starts, and the checks of the one that comes back."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..arrays import borrow
from ..operators.checks.arrays import check_storage_mix
from ..operators.checks.scalars import parse_scalar
from ..operators.operator import Operator
from . import arrays
from .scalars import is_array, scalar


class RuleState(NamedTuple):
    """What a transformation keeps.

    Attributes:
        count: how many steps were taken.
        states: for each state of the rule after the variable that is in use, a tree like the parameters.
    """

    count: jax.Array
    states: dict[str, Any]


def initial_values(operator: Operator, given: Any) -> dict[str, Any]:
    """What states start at, by their names: numbers, and arrays of JAX without dimensions.

    Raises:
        TypeError: they are no mapping, or one is of no state or no real number.
        ValueError: one is an array of more than one element.
    """
    if given is None:
        return {}
    names = operator.signature.states[1:]
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{operator.name}: initial is {borrow.kind(given)}, expected numbers by the names of states, such as "
            f"{{{(names or ('accum',))[0]!r}: 0.1}}"
        )
    unknown = sorted(str(name) for name in given if name not in names)
    if unknown:
        states = ", ".join(names) or "no state"
        raise TypeError(f"{operator.name}: takes initial values of {states}; not known: {', '.join(unknown)}")
    return {
        name: (scalar if is_array(value) else parse_scalar)(operator.name, f"initial[{name!r}]", value)
        for name, value in given.items()
    }


def check(operator: Operator, state: Any, names: Iterable[str]) -> None:
    """A state is one that a transformation by this rule began.

    Raises:
        TypeError: it is something else, or another rule's.
    """
    remedy = "pass what init or the last update gave"
    if not isinstance(state, RuleState):
        raise TypeError(f"{operator.name}: state is {borrow.kind(state)}, expected a RuleState; {remedy}")
    if not isinstance(state.states, Mapping) or state.states.keys() != {*names}:
        held = arrays.listed([*map(str, state.states)]) if isinstance(state.states, Mapping) else "no states by name"
        raise TypeError(f"{operator.name}: state holds {held}, expected {arrays.listed([*names])}; {remedy}")
    counted = getattr(state.count, "dtype", type(state.count))
    if not jnp.issubdtype(counted, jnp.integer) or jnp.ndim(state.count):
        raise TypeError(f"{operator.name}: state.count is {state.count!r}, expected a whole number; {remedy}")


def like_gradients(operator: Operator, tree: Any, name: str, given: Any) -> list[Any]:
    """What a tree holds where the gradients' has leaves.

    Raises:
        ValueError: it is another tree.
    """
    try:
        found: list[Any] = tree.flatten_up_to(given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{operator.name}: {name} is another tree than the gradients: {error}") from None
    return found


def beside(operator: Operator, param: jax.Array, given: Mapping[str, Any]) -> list[jax.Array]:
    """A parameter's states, of the shapes that the rule asks for and of types that go with the parameter's.

    Raises:
        TypeError: one is of another type.
        ValueError: one has another shape.
    """
    kinds = dict(zip(operator.signature.states, operator.spec.kinds, strict=True))
    found = {name: arrays.state(operator.name, name, each) for name, each in given.items()}
    for name, each in found.items():
        arrays.of_shape(operator, name, each.shape, kinds[name], param.shape)
    storages = tuple(str(each.dtype) for each in (param, *found.values()))
    check_storage_mix(operator.name, ("parameter", *found), storages)
    return [*found.values()]


def parameter(operator: Operator, leaf: Any) -> jax.Array:
    """A parameter that the rule can step.

    Raises:
        TypeError: it is of another type than those that are updated.
        ValueError: it has too few dimensions for a rule that sees columns.
    """
    param = arrays.state(operator.name, "a parameter", leaf)
    seen_by(operator, param.shape)
    return param


def described(operator: Operator, leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    """A parameter that the rule can step, of which there is a description alone.

    Raises:
        TypeError, ValueError: as for the parameter itself.
    """
    own = jax.dtypes.canonicalize_dtype(leaf.dtype, allow_extended_dtype=True)
    arrays.of_type(operator.name, "a parameter", own, leaf.dtype)
    seen_by(operator, leaf.shape)
    return leaf


def seen_by(operator: Operator, shape: arrays.Shape) -> None:
    """A parameter of a shape has the columns that the rule sees.

    Raises:
        ValueError: it has too few dimensions.
    """
    if operator.spec.matrices and len(shape) < 2:
        raise ValueError(
            f"{operator.name}: a parameter has shape {shape}, expected two dimensions or more, as the rule sees "
            "columns; give such parameters another rule with optax.multi_transform"
        )
