"""Initial states: their values, and their sharding, which is that of the variable."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.shard_alike import shard_alike

from ..arrays import borrow
from ..codegen.rule.axes import reduced_axes
from ..operators.checks.arrays import check_dimensions, check_storage_mix
from ..operators.checks.options import parse_switches
from ..operators.checks.scalars import parse_scalar
from ..operators.operator import Operator
from . import arrays, parameters
from .scalars import is_array, parse_scalar_array, split_switches
from .sharding import reduced_sharding
from .state_types import parse_state_dtype


def initial_states(
    rule: Callable[..., Any] | str,
    var: Any,
    *,
    initial: Mapping[str, float] | None = None,
    state_dtype: Any = None,
    **switches: bool,
) -> tuple[jax.Array | None, ...]:
    """Make the states that ``sparse_update`` and ``dense_update`` take beside a variable before the first step.

    Args:
        rule: the rule, a plain function or its text, see ``fusedstep.Operator``.
        var: the variable, such as a table, of any floating-point type; or a ``jax.ShapeDtypeStruct`` that describes it.
        initial: initial values of states by name, as numbers; other states start at 0.
        state_dtype: the type of the states, or types by the names of states: float32, float16 or bfloat16. By default
            states have the variable's type, and float32 beside a variable of 16 bits. With float64 all are float64.
        **switches: the rule's switches, those of the steps.

    Returns:
        The states in the order of the rule, None for those that the switches leave unused. They have the variable's
        shape, or one number per row or column, and its sharding.

    Raises:
        TypeError: ``rule`` is not a rule; a switch or a state is unknown; a type or an initial value is invalid.
        ValueError: the rule works on columns, and the variable has fewer than two dimensions; or an initial value has
            more than one element.

    >>> import jax.numpy as jnp, fusedstep as fs
    >>> table = jnp.ones((4, 2), "bfloat16")
    >>> accum, = initial_states(fs.rules.rowwise_adagrad, table, initial={"accum": 0.5})
    >>> accum
    Array([0.5, 0.5, 0.5, 0.5], dtype=float32)
    >>> initial_states(fs.rules.torch_sgd, table, use_momentum=False)
    (None,)
    """
    operator, others = split_switches(rule, switches)
    parse_switches(operator.name, operator.signature.switches, others)
    values, types = parse_initial(operator, initial), parse_state_dtype(operator, state_dtype)
    variable = parse_variable(operator, var)
    names, kinds = operator.signature.states, operator.spec.kinds[1:]
    own = str(variable.dtype)
    storages = {name: types.storage_of(name, own) for name, kind in zip(names[1:], kinds, strict=True) if kind}
    check_storage_mix(operator.name, (names[0], *storages), (own, *storages.values()))

    def state(name: str, kind: str) -> jax.Array:
        return initial_state(operator, variable, kind, lambda _: storages[name], values.get(name, 0.0))

    return tuple(state(name, kind) if kind else None for name, kind in zip(names[1:], kinds, strict=True))


def parse_variable(operator: Operator, given: Any) -> Any:
    """The variable of a step as an array, or its description.

    Raises:
        TypeError: its type is not supported.
        ValueError: it has too few dimensions for the rule.
    """
    name = operator.signature.states[0]
    if isinstance(given, jax.ShapeDtypeStruct):
        arrays.check_type(operator.name, name, jax.dtypes.canonicalize_dtype(given.dtype, allow_extended_dtype=True))
        found = parameters.parse_description(operator, given)
    else:
        found = arrays.parse_state(operator.name, name, given)
    if operator.spec.matrices and len(found.shape) < 2:
        check_dimensions(operator.name, operator.array_spec, found.shape)
    return found


def parse_initial(operator: Operator, given: Any) -> dict[str, Any]:
    """The initial values of states by name: numbers, and arrays of JAX without dimensions.

    Raises:
        TypeError: ``given`` is not a mapping, or it names an unknown state or holds something that is no real number.
        ValueError: an array has more than one element.
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
        name: (parse_scalar_array if is_array(value) else parse_scalar)(operator.name, f"initial[{name!r}]", value)
        for name, value in given.items()
    }


def initial_state(operator: Operator, leaf: Any, kind: str, dtype_of: Callable[[Any], str], value: Any) -> jax.Array:
    """Make the initial state of a parameter, or of a ``jax.ShapeDtypeStruct`` that describes one.

    Args:
        operator: the operator.
        leaf: the parameter.
        kind: whether the state holds one number per "element", "row" or "column".
        dtype_of: from the parameter to the type of the state.
        value: the value of all its elements.
    """
    if isinstance(leaf, jax.core.Tracer):
        param = parameters.parse_parameter(operator, leaf)
        return traced_state(param, kind, operator.spec.matrices, dtype_of(param), value)
    is_array = not isinstance(leaf, jax.ShapeDtypeStruct)
    param = parameters.parse_parameter(operator, leaf) if is_array else parameters.parse_description(operator, leaf)
    removed = reduced_axes(kind, len(param.shape), operator.spec.matrices)
    shape = tuple(each for k, each in enumerate(param.shape) if k not in removed)
    # A parameter that is not committed to devices may move to others. So may its states.
    committed = getattr(param, "committed", True)
    sharding = reduced_sharding(param.sharding, len(param.shape), removed) if committed else None
    return jnp.full_like(jax.ShapeDtypeStruct(shape, dtype_of(param), sharding=sharding), value)


def traced_state(param: jax.Array, kind: str, matrices: bool, dtype: str, value: Any) -> jax.Array:
    """Make the initial state of a traced parameter, whose sharding only XLA may know."""
    like = jax.lax.stop_gradient(param)
    removed = reduced_axes(kind, param.ndim, matrices)
    if removed:
        # Only its sharding is used: XLA never computes it.
        like = jnp.max(like.real, axis=removed, initial=0)
    filled = jnp.full_like(like, value, dtype=dtype)
    # The state depends on the parameter, so that jax.vmap maps both along the same axis.
    dependent = jnp.where(like == like, filled, filled)
    # Both sides need one type.
    parts = like if jnp.issubdtype(dtype, jnp.complexfloating) else like.real
    return shard_alike(parts.astype(dtype), dependent)[1]
