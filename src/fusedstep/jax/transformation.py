"""Rules as optax's gradient transformations."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..codegen.rule.signature import follows_from_step, training_switches
from ..operators.operator import Operator
from ..storage import STORAGES
from . import arrays, rule_state
from .rule_state import RuleState
from .scalars import is_array, operator_of, scalar, scalars_of
from .started import started_at
from .woven import Woven, weave

Rule = Callable[..., Any]
# A rule for a storage type, and what its scalars come to.
Prepared = Callable[[str], tuple[Woven, tuple[Any, ...]]]


def transformation(
    rule: Rule, *, initial: Mapping[str, float] | None = None, **scalars_and_switches: Any
) -> optax.GradientTransformation:
    """Makes an optax gradient transformation of a rule.

    Its updates are what leads from the parameters to the rule's new ones, so ``params`` must be passed to ``update``,
    and nothing that comes behind it in a chain may scale them by a learning rate again. They are rounded to the
    parameter's type, and the parameter rounds once more as it takes them in: ``dense_update`` rounds only once. States
    are of each parameter's type and start at 0. A rule that sees rows takes those that a parameter's first dimension
    counts.

    A scalar called ``step`` is the number of the step, counted from 1, and one called ``beta_power`` is ``beta`` to its
    power, unless they are given.

    Args:
        rule: the rule, a plain function, see ``fusedstep.rules``.
        initial: what states start at that do not start at 0, numbers by the states' names.
        **scalars_and_switches: the rule's scalars: numbers, arrays of one element, traced ones too, or schedules,
            functions of the number of steps that were taken, 0 at first, as optax's; and its switches.

    Returns:
        The transformation; its state is a ``RuleState``.

    Raises:
        TypeError: ``rule`` is not a rule, a scalar is missing, not known or of 16 bits, or an initial value is no
            number or of no state.

    >>> import jax.numpy as jnp, fusedstep as fs
    >>> optimizer = transformation(fs.rules.proximal_gradient_descent, lr=0.5, l1=0.25, l2=0.0)
    >>> params = jnp.array([1.0, 0.25])
    >>> updates, _ = optimizer.update(jnp.array([0.5, 0.375]), optimizer.init(params), params)
    >>> (params + updates).tolist()
    [0.625, 0.0]
    """
    operator, scalars = operator_of(rule, training_switches(rule) | scalars_and_switches)
    scalars_of(operator, at_step(operator, scalars, None))
    start = rule_state.initial_values(operator, initial)
    names, kinds = operator.signature.states[1:], operator.spec.kinds[1:]
    used = {name: kind for name, kind in zip(names, kinds, strict=True) if kind}

    def init(params: Any) -> RuleState:
        def started(name: str, kind: str) -> Any:
            return jax.tree.map(lambda leaf: started_at(operator, leaf, kind, start.get(name, 0.0)), params)

        return RuleState(jnp.zeros((), jnp.int32), {name: started(name, kind) for name, kind in used.items()})

    def update(updates: Any, state: RuleState, params: Any = None, **extra: Any) -> tuple[Any, RuleState]:
        if params is None:
            raise ValueError(
                f"{operator.name}: params is None, expected the parameters, which the rule changes; "
                "pass them: update(grads, state, params)"
            )
        rule_state.check(operator, state, used)
        values = scalars_of(operator, at_step(operator, scalars, state.count))

        @cache
        def prepared(storage: str) -> tuple[Woven, tuple[Any, ...]]:
            woven = weave(operator, storage)
            return woven, woven.numbers(values)

        leaves, tree = jax.tree.flatten(updates, is_leaf=lambda leaf: leaf is None)
        # By name: JAX sorts the keys of what goes through it.
        trees = {"params": params, **{name: state.states[name] for name in used}}
        columns = [rule_state.like_gradients(operator, tree, name, each) for name, each in trees.items()]
        moved = [moved_by(operator, prepared, [*used], each) for each in zip(leaves, *columns, strict=True)]
        new = [tree.unflatten([each[k] for each in moved]) for k in range(len(used) + 1)]
        return new[0], RuleState(optax.safe_increment(state.count), dict(zip(used, new[1:], strict=True)))

    return optax.GradientTransformationExtraArgs(init, update)


def at_step(operator: Operator, scalars: Mapping[str, Any], count: jax.Array | None) -> dict[str, Any]:
    """The scalars of the step after so many; without a count, 0 for all that depends on it."""
    found = {name: value for name, value in scalars.items() if value is not None}
    for name, value in found.items():
        if callable(value) and not is_array(value):
            found[name] = 0.0 if count is None else value(count)
    for name in operator.signature.scalars:
        if name not in found and name not in operator.signature.defaults and follows_from_step(name, found):
            found[name] = 0.0 if count is None else following(operator, name, found, count)
    for name, value in found.items():
        wide_enough(operator.name, name, value)
    return found


def wide_enough(operator: str, name: str, value: Any) -> None:
    """A scalar was not rounded to a narrow type, in which 0.999 may be 1 and 1e-8 be 0.

    Raises:
        TypeError: it was.
    """
    storage = STORAGES.get(str(value.dtype)) if is_array(value) else None
    if storage and storage.is_narrow:
        raise TypeError(
            f"{operator}: {name} holds {value.dtype}, expected float32: {storage.bits} bits are too few for scalars; "
            f'pass optax.inject_hyperparams hyperparam_dtype="float32", or elsewhere .astype("float32")'
        )


def following(operator: Operator, name: str, found: Mapping[str, Any], count: jax.Array) -> jax.Array:
    """A scalar that follows from the step, in float64."""
    with jax.enable_x64(True):
        step = jnp.asarray(count, "float64") + 1
        if name == "step":
            return step
        base = found[name.removesuffix("_power")]
        base = scalar(operator.name, name, base) if is_array(base) else np.float64(base)
        return jnp.power(jnp.asarray(base, "float64"), step)


def moved_by(operator: Operator, prepared: Prepared, names: Sequence[str], leaves: Sequence[Any]) -> tuple[Any, ...]:
    """What leads from a parameter to its new value, and its new states.

    Args:
        operator: the operator.
        prepared: the rule for a parameter's type.
        names: those of the states in use.
        leaves: the gradient, the parameter and the states.

    Raises:
        TypeError, ValueError: they do not fit each other.
    """
    grad, leaf, *given = leaves
    if grad is None:
        return None, *given
    param = rule_state.parameter(operator, leaf)
    gradient = arrays.state(operator.name, "a gradient", grad)
    if gradient.shape != param.shape:
        raise ValueError(f"{operator.name}: a gradient has shape {gradient.shape}, its parameter {param.shape}")
    states = rule_state.beside(operator, param, dict(zip(names, given, strict=True)))
    woven, numbers = prepared(str(param.dtype))
    new = woven.step([param, *states], gradient, numbers)
    update = (new[0] - param.astype(woven.compute)).astype(param.dtype)
    return update, *(after.astype(before.dtype) for after, before in zip(new[1:], states, strict=True))
