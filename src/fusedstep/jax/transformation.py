"""``transformation``: a rule as an optax gradient transformation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..codegen.rule.change import depends_on_variable
from ..codegen.rule.signature import training_switches
from ..codegen.rule.text import rule_of
from ..operators.operator import Operator
from .complex_states import complex_states
from .functions import functions_of
from .initial_state import initial_state, parse_initial
from .leaf_update import LeafStep, has_no_gradient, take_step, unchanged
from .masks import is_none, zero_scalars
from .parameters import is_complex, parse_pair, real_type
from .rule_state import RuleState, check_rule_state, match_gradients
from .scalars import parse_scalars, split_switches
from .state_types import StateTypes, parse_state_dtype, state_type
from .step_scalars import products_of, scalars_at

Rule = Callable[..., Any]


class ParamType(NamedTuple):
    """The type of a parameter.

    Attributes:
        real: its storage type, or that of its parts.
        is_complex: whether it is complex.
    """

    real: str
    is_complex: bool


def param_type(param: Any) -> ParamType:
    """The type of a parameter."""
    return ParamType(real_type(param), is_complex(param))


def transformation(
    rule: Rule | str,
    *,
    initial: Mapping[str, float] | None = None,
    state_dtype: Any = None,
    **scalars_and_switches: Any,
) -> optax.GradientTransformationExtraArgs:
    """Make an optax gradient transformation from a rule.

    An update is the change of the parameter that the rule makes, so do not scale updates by a learning rate again later
    in a chain. It is rounded to the parameter's type, and ``optax.apply_updates`` rounds the sum again;
    ``dense_update`` rounds only once. Rows are along a parameter's first dimension.

    ``update`` needs ``params`` if the change depends on the parameter, as with weight decay, a penalty or a norm. If it
    does not, as in Adam or gradient descent, ``params`` may be left out, and updates are the same without it.

    Parameters and gradients may be integers, which count as float32, or complex: there a square is that of the
    magnitude, so second moments are real.

    Unless it is given, a scalar named ``step`` is the number of the step, from 1, and one named ``beta_power`` is
    ``beta`` to the power of that number; ``mu_next`` is the scalar ``mu`` at the next step, and ``mu_product`` the
    product of ``mu`` over the steps.

    Args:
        rule: the rule, a plain function or its text, see ``fusedstep.Operator``.
        initial: initial values of states by name, as numbers; other states start at 0.
        state_dtype: the type of the states, or types by the names of states: float32, float16, bfloat16, or float64
            beside float64 parameters. By default states have their parameter's type, and float32 with parameters of 16
            bits, in which decaying means would stop.
        **scalars_and_switches: the rule's scalars and switches. A scalar is a number, an array of one element, which
            may be traced, or a schedule: as in optax, a function of the number of steps taken, 0 at the first step.

    Returns:
        The transformation. Its state is a ``RuleState``.

    Raises:
        TypeError: ``rule`` is not a rule; a scalar is missing, unknown or of 16 bits; an initial value is not a number;
            a type is not one of states, or a state is unknown.
        ValueError: an array has more than one element.

    >>> import jax.numpy as jnp, fusedstep as fs
    >>> optimizer = transformation(fs.rules.proximal_gradient_descent, lr=0.5, l1=0.25, l2=0.0)
    >>> params = jnp.array([1.0, 0.25])
    >>> updates, _ = optimizer.update(jnp.array([0.5, 0.375]), optimizer.init(params), params)
    >>> (params + updates).tolist()
    [0.625, 0.0]
    """
    return build_transformation(rule_of(rule), scalars_and_switches, initial=initial, state_dtype=state_dtype)


def build_transformation(
    rule: Rule,
    scalars_and_switches: Mapping[str, Any],
    *,
    initial: Mapping[str, float] | None = None,
    state_dtype: Any = None,
    own_types: Mapping[str, Any] | None = None,
    masks: Mapping[str, Any] | None = None,
    name: str = "",
) -> optax.GradientTransformationExtraArgs:
    """Make a gradient transformation; see ``transformation``.

    Args:
        rule: the rule.
        scalars_and_switches: its scalars and switches.
        initial: initial values of states by name.
        state_dtype: the type of the states, or types by name.
        own_types: types by name that come before those.
        masks: by the name of a scalar, for which parameters it is 0, see ``zero_scalars``.
        name: what messages call the transformation; by default the rule's name.
    """
    operator, scalars = split_switches(rule, training_switches(rule) | dict(scalars_and_switches), name)
    products = products_of(operator.signature, scalars)
    parse_scalars(operator, scalars_at(operator, scalars, None, {}))
    types = parse_state_dtype(operator, state_dtype)
    types = types._replace(own=types.own | parse_state_dtype(operator, own_types or {}).own)
    made = RuleTransformation(operator, scalars, parse_initial(operator, initial), types, masks or {}, tuple(products))
    return optax.GradientTransformationExtraArgs(made.init, made.update)


@dataclass(frozen=True, eq=False)
class RuleTransformation:
    """The two functions of a transformation.

    Attributes:
        operator: the operator.
        scalars: the given scalars and schedules.
        start: the initial values of states by name.
        types: the types of states.
        masks: by the name of a scalar, for which parameters it is 0.
        products: the scalars that are products over the steps.
    """

    operator: Operator
    scalars: Mapping[str, Any]
    start: Mapping[str, Any]
    types: StateTypes
    masks: Mapping[str, Any]
    products: tuple[str, ...]

    @property
    def used(self) -> dict[str, str]:
        """The kinds of the states in use, by name."""
        names, kinds = self.operator.signature.states[1:], self.operator.spec.kinds[1:]
        return {name: kind for name, kind in zip(names, kinds, strict=True) if kind}

    def init(self, params: Any) -> RuleState:
        """The state before the first step."""
        complex_names = cache(self.complex_names)

        def dtype_of(name: str, param: Any) -> str:
            return state_type(self.operator, self.types, name, param, name in complex_names(param_type(param)))

        def initial_tree(name: str, kind: str) -> Any:
            value = self.start.get(name, 0.0)
            return jax.tree.map(
                lambda leaf: initial_state(self.operator, leaf, kind, partial(dtype_of, name), value), params
            )

        trees = {name: initial_tree(name, kind) for name, kind in self.used.items()}
        return RuleState(jnp.zeros((), jnp.int32), trees | {name: jnp.ones((), float) for name in self.products})

    def update(self, updates: Any, state: RuleState, params: Any = None, **extra: Any) -> tuple[Any, RuleState]:
        """The changes of the parameters, and the state after the step."""
        operator, used = self.operator, self.used
        leaves, tree = jax.tree.flatten(updates, is_leaf=is_none)
        zeros = zero_scalars(operator.name, self.masks, updates, len(leaves))
        if params is None and not all(self.is_free(zero) for zero in {*zeros}):
            raise ValueError(
                f"{operator.name}: params is None, expected the parameters, on which the step depends; "
                "call update(grads, state, params)"
            )
        check_rule_state(operator, state, (*used, *self.products))
        values = scalars_at(operator, self.scalars, state.count, state.states)
        step_of = cache(partial(self.leaf_step, values))
        # By name, since JAX sorts the keys of dicts.
        trees = {"params": updates if params is None else params, **{name: state.states[name] for name in used}}
        columns = [match_gradients(operator, tree, name, each) for name, each in trees.items()]
        new: list[list[Any]] = []
        for grad, leaf, zero, *given in zip(leaves, columns[0], zeros, *columns[1:], strict=True):
            if has_no_gradient(grad):
                new.append([unchanged(grad, leaf), *given])
                continue
            gradient, param = parse_pair(operator, grad, leaf)
            change, after = take_step(
                step_of(param_type(param), zero), gradient, param, dict(zip(used, given, strict=True))
            )
            new.append([change, *after])
        changes, *others = [tree.unflatten([each[k] for each in new]) for k in range(len(used) + 1)]
        products = {name: jnp.asarray(values[name], state.states[name].dtype) for name in self.products}
        return changes, RuleState(optax.safe_increment(state.count), dict(zip(used, others, strict=True)) | products)

    def leaf_step(self, values: Mapping[str, Any], kind: ParamType, zero: frozenset[str]) -> LeafStep:
        """What a step needs of all parameters of a type for which the same scalars are 0."""
        functions = functions_of(self.operator, kind.real)
        numbers = functions.numbers(parse_scalars(self.operator, {**values, **dict.fromkeys(zero, 0.0)}))
        return LeafStep(self.operator, functions, numbers, self.complex_names(kind), self.is_free(zero))

    def complex_names(self, kind: ParamType) -> frozenset[str]:
        """The states that are complex."""
        if not kind.is_complex:
            return frozenset()
        return complex_states(self.operator, functions_of(self.operator, kind.real), self.used)

    def is_free(self, zero: frozenset[str]) -> bool:
        """Whether the change of a parameter does not depend on it."""
        given = {name: value for name, value in self.scalars.items() if value is not None}
        known = {**self.operator.signature.defaults, **given, **dict.fromkeys(zero, 0.0)}
        numbers = {name: float(value) for name, value in known.items() if isinstance(value, int | float | np.generic)}
        return not depends_on_variable(self.operator.spec.program, numbers)
