"""The functions ``fusedstep.jax.NAME``: one for each rule, which makes its gradient transformation.

Where optax has an alias of that name, the function takes the alias' arguments, too, and then has its results.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import optax

from .. import rules
from ..codegen.rule.signature import read_signature, training_switches
from ..operators.docstrings import arguments_of
from .inject_hyperparams import WideSignature
from .optax_aliases import ALIASES
from .step_scalars import extra_scalars, has_default
from .transformation import Rule, transformation

Parameters = dict[str, inspect.Parameter]

NAMES = [*rules.__all__, *(name for name in ALIASES if name not in rules.__all__)]
# The meanings of arguments that no rule has.
MEANINGS = {
    "initial": "initial values of states by name; other states start at 0.",
    "state_dtype": "the type of states, or types by name; by default the parameter's, and float32 for one of 16 bits.",
    "momentum_decay": "how fast ``mu`` grows towards ``beta1``, if ``mu`` is not given.",
    "maximize": "maximize the objective.",
}


def factory_of(name: str) -> Callable[..., optax.GradientTransformationExtraArgs]:
    """The function that makes a transformation: of the rule of that name, of optax' alias of that name, or of both."""
    rule, alias = getattr(rules, name) if name in rules.__all__ else None, ALIASES.get(name)
    own, theirs = parameters_of_rule(rule), parameters_of_alias(alias)
    choose = partial(chosen, name, own, theirs)

    def make(*values: Any, **given: Any) -> optax.GradientTransformationExtraArgs:
        if choose(values, given) is theirs and alias is not None:
            return alias(*values, **given)
        if values or rule is None:
            raise TypeError(f"{name}: takes its arguments by name, got {len(values)} by position")
        return transformation(rule, **given)

    make.__name__ = make.__qualname__ = name
    make.__module__ = __package__
    signature = WideSignature([*(theirs | {each: own[each] for each in own if each not in theirs}).values()])
    signature.choose = lambda values, given: inspect.Signature([*choose(values, given).values()])
    make.__signature__ = signature  # type: ignore[attr-defined]
    make.__doc__ = docstring(name, rule, alias, own)
    return make


def chosen(
    name: str, own: Parameters, theirs: Parameters, values: tuple[Any, ...], given: Mapping[str, Any]
) -> Parameters:
    """The parameters of a call: those of optax' alias, unless the call has a name that only the rule knows.

    Raises:
        TypeError: the call has names of both, or a name that optax' alias does not know.
    """
    of_rule = [each for each in given if each in own and each not in theirs]
    if not theirs or (of_rule and own):
        mixed = [each for each in given if each in theirs and each not in own]
        if theirs and (mixed or values):
            with_rule = ", ".join(each for each in own if each not in MEANINGS)
            got = mixed[0] if mixed else "an argument by position"
            raise TypeError(
                f"{name}: got {got} of optax.{name} and {of_rule[0]} of the rule; pass the arguments of "
                f"optax.{name}, or the rule's ({with_rule})"
            )
        return own
    unknown = [each for each in given if each not in theirs]
    if unknown:
        raise TypeError(f"{name}: takes {', '.join(theirs)}; not known: {', '.join(unknown)}")
    return theirs


def parameters_of_rule(rule: Rule | None) -> Parameters:
    """The parameters of a factory under the rule's names: its scalars and switches, and options."""
    if rule is None:
        return {}
    signature = read_signature(rule)
    defaults: dict[str, Any] = {"initial": None, "state_dtype": None}
    for name in signature.scalars:
        missing = None if has_default(signature, name) else inspect.Parameter.empty
        defaults[name] = signature.defaults.get(name, missing)
    defaults |= extra_scalars(signature)
    switches = training_switches(rule) | {"maximize": False}
    return {name: by_name(name, default) for name, default in defaults.items()} | {
        name: by_name(name, default, bool) for name, default in switches.items()
    }


def parameters_of_alias(alias: Callable[..., Any] | None) -> Parameters:
    """The parameters of a factory under optax' names, and options."""
    if alias is None:
        return {}
    options = {"initial": None, "state_dtype": None, "maximize": False}
    given = inspect.signature(alias).parameters
    named = {name: each for name, each in given.items() if each.kind is not each.VAR_KEYWORD}
    return named | {name: by_name(name, default) for name, default in options.items()}


def by_name(name: str, default: Any, annotation: Any = inspect.Parameter.empty) -> inspect.Parameter:
    """A parameter that is passed by name."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def docstring(name: str, rule: Rule | None, alias: Callable[..., Any] | None, own: Parameters) -> str | None:
    """The docstring of a factory: the rule's sentence, formula and scalars; None if there are no docstrings."""
    # python -OO removes docstrings.
    if factory_of.__doc__ is None or (rule is not None and rule.__doc__ is None):
        return None
    with_optax = f"With the arguments of ``optax.{name}`` the results are optax', by its formula."
    if rule is None:
        return f"``optax.{name}`` as a fusedstep transformation.\n\n{with_optax}"
    text = inspect.cleandoc(rule.__doc__ or "")
    meanings = MEANINGS | arguments_of(text)
    lines = [f"    {each}: {meanings[each]}" for each in own if each in meanings]
    parts = [
        text.partition("Args:")[0].strip(),
        f"As an optax gradient transformation: ``fusedstep.jax.transformation(rules.{name}, ...)``.",
        *([with_optax] if alias else []),
        "Args:\n" + "\n".join(lines),
    ]
    return "\n\n".join(parts)
