"""Reads the arguments of a rule from its signature: states, gradient, scalars and switches."""

import inspect
import numbers
import reprlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from .annotations import is_bool, state_kind
from .refusal import refusal

Plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
RESERVED = ("indices", "offsets", "weights", "rows", "grad", "use_locking", "rounding", "seed", "maximize")
# Those of them that a positional argument may have.
FOR_ARRAYS = ("grad", "offsets", "weights")
CONSTRUCTORS = ("rule", "check_indices", "method", "initial")


@dataclass(frozen=True)
class Signature:
    """The arguments of a rule.

    Attributes:
        name: the rule's name.
        states: all positional arguments but the last: the arrays that a step updates, the variable first.
        gradient: the last positional argument.
        scalars: the keyword-only arguments that are numbers.
        defaults: the default values of scalars.
        switches: the keyword-only arguments annotated ``bool``, with their default values.
        per_row: the states annotated ``PerRow``.
        per_column: the states annotated ``PerColumn``.
        may_refuse: whether this is a closed form, which may return a condition after its states.
    """

    name: str
    states: tuple[str, ...]
    gradient: str
    scalars: tuple[str, ...]
    defaults: dict[str, float]
    switches: dict[str, bool]
    per_row: frozenset[str]
    per_column: frozenset[str]
    may_refuse: bool = False


def follows_from_step(name: str, given: Collection[str]) -> bool:
    """Return whether a scalar depends on the step number only: it is ``step``, or a power of a scalar in ``given``.

    >>> follows_from_step("step", ["lr"]), follows_from_step("beta1_power", ["beta1"]), follows_from_step("lr", ["lr"])
    (True, True, False)
    """
    return name == "step" or (name.endswith("_power") and name.removesuffix("_power") in given)


def training_switches(rule: Callable[..., Any]) -> dict[str, bool]:
    """The default switches of a rule in optimizers: ``keep_weights`` is on.

    Schedules change settings during training; this must not move weights.
    """
    switches = read_signature(rule).switches
    return switches | ({"keep_weights": True} if "keep_weights" in switches else {})


def read_signature(rule: Callable[..., Any]) -> Signature:
    """Read a rule's signature.

    Raises:
        TypeError: the signature is invalid for a rule; the message says what to change.
    """
    if not inspect.isfunction(rule):
        raise TypeError(
            f"a rule is a plain Python function, got {description(rule)}: define it with def, or pass the text of the "
            "definition"
        )
    return signature_of(rule)


def description(found: Any) -> str:
    """What is given in place of a function, and how to get at the function where there is one."""
    if inspect.ismethod(found):
        return f"the method {found.__qualname__}, which takes an object first"
    if inspect.isclass(found):
        return f"the class {found.__qualname__}"
    if inspect.isbuiltin(found):
        return f"the built-in function {found.__name__}"
    if isinstance(found, partial):
        return (
            f"a functools.partial of {reprlib.repr(found.func)}, whose arguments a rule takes as scalars and switches"
        )
    if hasattr(found, "__wrapped__") or hasattr(found, "py_func"):
        return f"{reprlib.repr(found)}, which a decorator made of one"
    return f"{reprlib.repr(found)} of type {type(found).__name__}"


@cache
def signature_of(rule: Callable[..., Any]) -> Signature:
    positional, scalars, defaults, switches = [], [], {}, {}
    parameters = inspect.signature(rule).parameters
    for name, parameter in parameters.items():
        given = parameter.default is not parameter.empty
        variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if name in RESERVED and not variadic and not (name in FOR_ARRAYS and parameter.kind is Plain):
            raise refusal(rule, f"no argument can be called {name!r}: the call uses that name")
        if parameter.kind is parameter.KEYWORD_ONLY:
            if is_bool(rule, parameter.annotation):
                switches[name] = switch_of(rule, name, parameter.default if given else False)
            else:
                scalars.append(name)
                if isinstance(parameter.default, bool):
                    raise refusal(rule, f"{name} is a bool by default; annotate it `: bool`")
                if given:
                    defaults[name] = number_of(rule, name, parameter.default)
        elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD and not given:
            positional.append(name)
        else:
            raise refusal(
                rule,
                f"argument {name!r} must be a plain positional one without a default "
                "(a state, or the gradient as the last one) or keyword-only (a scalar, or a switch annotated bool)",
            )
    if "grad" in positional[:-1]:
        raise refusal(rule, "the gradient, 'grad', must be the last positional argument; scalars follow a *")
    if len(positional) < 2:
        raise refusal(
            rule,
            f"it takes {len(positional)} positional arguments, expected the states, the variable first, and then the "
            "gradient: def rule(var, ..., grad, *, lr, ...)",
        )
    ordinary = tuple(parameters[name].annotation for name in (positional[0], positional[-1]))
    kinds = {name: state_kind(rule, name, parameters[name].annotation, ordinary) for name in positional}
    per_row, per_column = (frozenset(name for name in kinds if kinds[name] == kind) for kind in ("row", "column"))
    if {positional[0], positional[-1]} & (per_row | per_column):
        raise refusal(
            rule,
            f"{positional[0]} and {positional[-1]} hold one number per element; PerRow and PerColumn are for the "
            "states between them",
        )
    return Signature(
        rule.__name__, tuple(positional[:-1]), positional[-1], tuple(scalars), defaults, switches, per_row, per_column
    )


def switch_of(rule: Callable[..., Any], name: str, default: Any) -> bool:
    """The default of a switch.

    Raises:
        TypeError: it is not a bool, or the switch has the name of an argument of constructors.
    """
    if name in CONSTRUCTORS:
        raise refusal(rule, f"no switch can be called {name!r}: constructors use that name")
    if not isinstance(default, bool):
        raise refusal(rule, f"{name} is {reprlib.repr(default)} by default, expected True or False")
    return default


def number_of(rule: Callable[..., Any], name: str, default: Any) -> float:
    """The default of a scalar.

    Raises:
        TypeError: it is not a real number.
    """
    # An array or tensor of one element is read at the call.
    if isinstance(default, numbers.Real) or hasattr(default, "dtype"):
        return default  # type: ignore[no-any-return]
    raise refusal(
        rule, f"{name} is {reprlib.repr(default)} by default, of type {type(default).__name__}, expected a number"
    )
