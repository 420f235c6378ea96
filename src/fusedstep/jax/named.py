"""Transformations under the names of their rules."""

import inspect
from collections.abc import Callable
from typing import Any

import optax

from ..codegen.rule.signature import follows_from_step, read_signature, training_switches
from ..operators.docstrings import arguments_of
from .injected import WideSignature
from .transformation import Rule, transformation

Named = inspect.Parameter.KEYWORD_ONLY


def named(rule: Rule) -> Callable[..., optax.GradientTransformation]:
    """A rule's transformation as a function with the rule's scalars and switches as its arguments."""
    signature = read_signature(rule)

    def make(**given: Any) -> optax.GradientTransformation:
        return transformation(rule, **given)

    parameters = [inspect.Parameter("initial", Named, default=None)]
    for name in signature.scalars:
        default: Any = signature.defaults.get(name, inspect.Parameter.empty)
        if name not in signature.defaults and follows_from_step(name, signature.scalars):
            default = None
        parameters.append(inspect.Parameter(name, Named, default=default))
    switches = training_switches(rule) | {"maximize": False}
    parameters += [inspect.Parameter(name, Named, default=value, annotation=bool) for name, value in switches.items()]
    make.__name__ = make.__qualname__ = signature.name
    make.__module__ = __package__
    make.__signature__ = WideSignature(parameters)  # type: ignore[attr-defined]
    make.__doc__ = docstring(rule, list(inspect.signature(make).parameters))
    return make


def docstring(rule: Rule, names: list[str]) -> str | None:
    """The docstring of a rule's transformation: the rule's sentence, formula and scalars; none where it has none."""
    # python -OO leaves docstrings out.
    if rule.__doc__ is None:
        return None
    text = inspect.cleandoc(rule.__doc__)
    meanings = arguments_of(text) | {
        "initial": "what states start at that do not start at 0.",
        "maximize": "go uphill.",
    }
    lines = [f"    {name}: {meanings[name]}" for name in names if name in meanings]
    return "\n\n".join(
        [
            text.partition("Args:")[0].strip(),
            f"As an optax gradient transformation: ``fusedstep.jax.transformation(rules.{rule.__name__}, ...)``.",
            "Args:\n" + "\n".join(lines),
        ]
    )
