"""The state of a transformation, and the checks of a state that a caller passes."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..arrays import borrow
from ..operators.operator import Operator
from . import arrays
from .parameters import is_complex, real_type
from .state_types import check_beside


class RuleState(NamedTuple):
    """The state of a transformation.

    Attributes:
        count: the number of steps taken.
        states: for each state of the rule that is in use, except the variable, a tree like the parameters; and the
            product of a scalar over all steps, where the rule needs one.
    """

    count: jax.Array
    states: dict[str, Any]


def check_rule_state(operator: Operator, state: Any, names: Iterable[str]) -> None:
    """Check that a state belongs to a transformation of this rule.

    Raises:
        TypeError: it is something else, or another rule's state.
    """
    remedy = "pass the result of init or of the last update"
    if not isinstance(state, RuleState):
        raise TypeError(f"{operator.name}: state is {borrow.kind(state)}, expected a RuleState; {remedy}")
    if not isinstance(state.states, Mapping) or state.states.keys() != {*names}:
        has_names = isinstance(state.states, Mapping)
        found = arrays.join_names([*map(str, state.states)]) if has_names else "no states by name"
        raise TypeError(f"{operator.name}: state holds {found}, expected {arrays.join_names([*names])}; {remedy}")
    count_type = getattr(state.count, "dtype", type(state.count))
    if not jnp.issubdtype(count_type, jnp.integer) or jnp.ndim(state.count):
        raise TypeError(f"{operator.name}: state.count is {state.count!r}, expected an integer; {remedy}")


def match_gradients(operator: Operator, tree: Any, name: str, given: Any) -> list[Any]:
    """The leaves of ``given``, which must have the tree structure of the gradients.

    Raises:
        ValueError: its structure differs.
    """
    try:
        found: list[Any] = tree.flatten_up_to(given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{operator.name}: {name} is not the same tree as the gradients: {error}") from None
    return found


def parse_parameter_states(
    operator: Operator, param: jax.Array, given: Mapping[str, Any], complex_names: frozenset[str]
) -> list[jax.Array]:
    """The states of a parameter as arrays.

    Args:
        operator: the operator.
        param: the parameter.
        given: its states by name.
        complex_names: the states that are complex, as their parameter is.

    Raises:
        TypeError: the type of one is not supported together with the parameter's.
        ValueError: one has another shape than the rule expects.
    """
    kinds = dict(zip(operator.signature.states, operator.spec.kinds, strict=True))
    found = {}
    for name, each in given.items():
        array = arrays.to_array(operator.name, name, each)
        if is_complex(array) != (name in complex_names):
            kind = "complex" if name in complex_names else "real"
            raise TypeError(
                f"{operator.name}: {name} holds {array.dtype}, expected {kind} numbers with a {param.dtype} parameter"
            )
        if name not in complex_names:
            arrays.check_type(operator.name, name, array.dtype)
        arrays.check_shape(operator, name, array.shape, kinds[name], param.shape)
        found[name] = array
        check_beside(operator, name, real_type(array), real_type(param))
    return [*found.values()]
