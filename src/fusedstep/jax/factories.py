"""The functions ``fusedstep.jax.NAME``: one for each rule, which makes its gradient transformation."""

import inspect
from collections.abc import Callable
from typing import Any

import optax

from ..codegen.rule.signature import follows_from_step, read_signature, training_switches
from ..operators.docstrings import arguments_of
from .inject_hyperparams import WideSignature
from .transformation import Rule, transformation


def factory_of(rule: Rule) -> Callable[..., optax.GradientTransformation]:
    """The function that makes a rule's transformation; its arguments are the rule's scalars and switches."""
    signature = read_signature(rule)

    def make(**given: Any) -> optax.GradientTransformation:
        return transformation(rule, **given)

    keyword_only = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("initial", keyword_only, default=None)]
    for name in signature.scalars:
        default: Any = signature.defaults.get(name, inspect.Parameter.empty)
        if name not in signature.defaults and follows_from_step(name, signature.scalars):
            default = None
        parameters.append(inspect.Parameter(name, keyword_only, default=default))
    switches = training_switches(rule) | {"maximize": False}
    parameters += [
        inspect.Parameter(name, keyword_only, default=value, annotation=bool) for name, value in switches.items()
    ]
    make.__name__ = make.__qualname__ = signature.name
    make.__module__ = __package__
    make.__signature__ = WideSignature(parameters)  # type: ignore[attr-defined]
    make.__doc__ = docstring(rule, list(inspect.signature(make).parameters))
    return make


def docstring(rule: Rule, names: list[str]) -> str | None:
    """The docstring of a factory: the rule's sentence, formula and scalars; None if the rule has no docstring."""
    # python -OO removes docstrings.
    if rule.__doc__ is None:
        return None
    text = inspect.cleandoc(rule.__doc__)
    meanings = arguments_of(text) | {
        "initial": "initial values of states by name; other states start at 0.",
        "maximize": "maximize the objective.",
    }
    lines = [f"    {name}: {meanings[name]}" for name in names if name in meanings]
    return "\n\n".join(
        [
            text.partition("Args:")[0].strip(),
            f"As an optax gradient transformation: ``fusedstep.jax.transformation(rules.{rule.__name__}, ...)``.",
            "Args:\n" + "\n".join(lines),
        ]
    )
