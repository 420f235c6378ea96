"""``transformation``: a rule as an optax gradient transformation."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..codegen.rule.signature import follows_from_step, training_switches
from ..codegen.rule.text import rule_of
from ..codegen.xla.build import RuleFunctions
from ..operators.operator import Operator
from ..storage import STORAGES
from . import arrays
from .functions import functions_of
from .initial_state import initial_state, parse_initial
from .parameters import parse_parameter
from .rule_state import RuleState, check_rule_state, match_gradients, parse_parameter_states
from .scalars import is_array, parse_scalar_array, parse_scalars, split_switches
from .sharding import sharded_step

Rule = Callable[..., Any]
# From the storage type of a parameter to the rule's functions and the numbers of the step.
FunctionsOf = Callable[[str], tuple[RuleFunctions, tuple[Any, ...]]]


def transformation(
    rule: Rule | str, *, initial: Mapping[str, float] | None = None, **scalars_and_switches: Any
) -> optax.GradientTransformation:
    """Make an optax gradient transformation from a rule.

    An update is the difference between the rule's new parameter and the old one. So pass ``params`` to ``update``, and
    do not scale updates by a learning rate again later in a chain. An update is rounded to the parameter's type, and
    ``optax.apply_updates`` rounds the sum again; ``dense_update`` rounds only once. States have their parameter's type
    and start at 0. Rows are along a parameter's first dimension.

    Unless it is given, a scalar named ``step`` is the number of the step, from 1, and one named ``beta_power`` is
    ``beta`` to the power of that number.

    Args:
        rule: the rule, a plain function or its text, see ``fusedstep.Operator``.
        initial: initial values of states by name, as numbers; other states start at 0.
        **scalars_and_switches: the rule's scalars and switches. A scalar is a number, an array of one element, which
            may be traced, or a schedule: as in optax, a function of the number of steps taken, 0 at the first step.

    Returns:
        The transformation. Its state is a ``RuleState``.

    Raises:
        TypeError: ``rule`` is not a rule; a scalar is missing, unknown or of 16 bits; an initial value is not a number
            or belongs to no state.
        ValueError: an array has more than one element.

    >>> import jax.numpy as jnp, fusedstep as fs
    >>> optimizer = transformation(fs.rules.proximal_gradient_descent, lr=0.5, l1=0.25, l2=0.0)
    >>> params = jnp.array([1.0, 0.25])
    >>> updates, _ = optimizer.update(jnp.array([0.5, 0.375]), optimizer.init(params), params)
    >>> (params + updates).tolist()
    [0.625, 0.0]
    """
    function = rule_of(rule)
    operator, scalars = split_switches(function, training_switches(function) | scalars_and_switches)
    parse_scalars(operator, scalars_at(operator, scalars, None))
    start = parse_initial(operator, initial)
    names, kinds = operator.signature.states[1:], operator.spec.kinds[1:]
    used = {name: kind for name, kind in zip(names, kinds, strict=True) if kind}

    def init(params: Any) -> RuleState:
        def initial_tree(name: str, kind: str) -> Any:
            return jax.tree.map(lambda leaf: initial_state(operator, leaf, kind, start.get(name, 0.0)), params)

        return RuleState(jnp.zeros((), jnp.int32), {name: initial_tree(name, kind) for name, kind in used.items()})

    def update(updates: Any, state: RuleState, params: Any = None, **extra: Any) -> tuple[Any, RuleState]:
        if params is None:
            raise ValueError(
                f"{operator.name}: params is None, expected the parameters; call update(grads, state, params)"
            )
        check_rule_state(operator, state, used)
        values = parse_scalars(operator, scalars_at(operator, scalars, state.count))

        @cache
        def functions_and_numbers(storage: str) -> tuple[RuleFunctions, tuple[Any, ...]]:
            functions = functions_of(operator, storage)
            return functions, functions.numbers(values)

        leaves, tree = jax.tree.flatten(updates, is_leaf=lambda leaf: leaf is None)
        # By name, since JAX sorts the keys of dicts.
        trees = {"params": params, **{name: state.states[name] for name in used}}
        columns = [match_gradients(operator, tree, name, each) for name, each in trees.items()]
        results = [
            update_of(operator, functions_and_numbers, [*used], each) for each in zip(leaves, *columns, strict=True)
        ]
        new = [tree.unflatten([each[k] for each in results]) for k in range(len(used) + 1)]
        return new[0], RuleState(optax.safe_increment(state.count), dict(zip(used, new[1:], strict=True)))

    return optax.GradientTransformationExtraArgs(init, update)


def scalars_at(operator: Operator, scalars: Mapping[str, Any], count: jax.Array | None) -> dict[str, Any]:
    """The scalars of the step after ``count`` steps. Without a count, scalars that depend on it are 0."""
    found = {name: value for name, value in scalars.items() if value is not None}
    for name, value in found.items():
        if callable(value) and not is_array(value):
            found[name] = 0.0 if count is None else value(count)
    for name in operator.signature.scalars:
        if name not in found and name not in operator.signature.defaults and follows_from_step(name, found):
            found[name] = 0.0 if count is None else step_scalar(operator, name, found, count)
    for name, value in found.items():
        check_not_narrow(operator.name, name, value)
    return found


def check_not_narrow(operator: str, name: str, value: Any) -> None:
    """Refuse scalars of a narrow type, in which 0.999 may be 1 and 1e-8 may be 0.

    Raises:
        TypeError: the type of the scalar is narrow.
    """
    storage = STORAGES.get(str(value.dtype)) if is_array(value) else None
    if storage and storage.is_narrow:
        raise TypeError(
            f"{operator}: {name} holds {value.dtype}, expected float32: {storage.bits} bits are too few for scalars; "
            f'pass hyperparam_dtype="float32" to optax.inject_hyperparams, or convert the scalar: .astype("float32")'
        )


def step_scalar(operator: Operator, name: str, found: Mapping[str, Any], count: jax.Array) -> jax.Array:
    """A scalar that depends on the number of the step: ``step`` or a power, in float64."""
    with jax.enable_x64(True):
        step = jnp.asarray(count, "float64") + 1
        if name == "step":
            return step
        base = found[name.removesuffix("_power")]
        base = parse_scalar_array(operator.name, name, base) if is_array(base) else np.float64(base)
        return jnp.power(jnp.asarray(base, "float64"), step)


def update_of(
    operator: Operator, functions_and_numbers: FunctionsOf, names: Sequence[str], leaves: Sequence[Any]
) -> tuple[Any, ...]:
    """The update of one parameter, and its new states.

    Args:
        operator: the operator.
        functions_and_numbers: the rule's functions and numbers for a storage type.
        names: the names of the states in use.
        leaves: the gradient, the parameter and the states.

    Raises:
        TypeError, ValueError: their types or shapes are invalid together.
    """
    grad, leaf, *given = leaves
    if grad is None:
        return None, *given
    param = parse_parameter(operator, leaf)
    gradient = arrays.parse_state(operator.name, "a gradient", grad)
    if gradient.shape != param.shape:
        raise ValueError(f"{operator.name}: a gradient has shape {gradient.shape}, its parameter {param.shape}")
    states = parse_parameter_states(operator, param, dict(zip(names, given, strict=True)))
    functions, numbers = functions_and_numbers(str(param.dtype))
    new = sharded_step(functions, [param, *states], gradient, numbers)
    update = (new[0] - param.astype(functions.compute)).astype(param.dtype)
    return update, *(after.astype(before.dtype) for after, before in zip(new[1:], states, strict=True))
