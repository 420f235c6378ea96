"""Checks what calls pass, and which attributes are read, against what is served."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

from ..mindspore import nn
from ..operators import catalogue
from ..operators.docstrings import description
from .sources import tree_of

Parameter = inspect.Parameter
POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def problems(name: str, thing: Any, call: ast.Call) -> Iterator[str]:
    """What a call passes to something that does not take it."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return
    # What a signature takes as ** is in the docstring.
    more = [] if Parameter.VAR_KEYWORD not in kinds(signature) else list(description(thing.__doc__).arguments)
    yield from refused(name, signature, call, more)


def problems_of_step(name: str, operator: type, call: ast.Call) -> Iterator[str]:
    """What a call passes to an operator that was constructed, and that does not take it."""
    yield from refused(name, catalogue.call(catalogue.OPERATORS[operator.__name__].entry), call, [])


def refused(name: str, signature: inspect.Signature, call: ast.Call, more: list[str]) -> Iterator[str]:
    """The arguments that a signature lacks. What a call leaves out is an error in MindSpore too."""
    known = [each.name for each in signature.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    known += [each for each in more if each not in known]
    open_ended = Parameter.VAR_KEYWORD in kinds(signature) and not more
    for keyword in named(call):
        if keyword not in known and not open_ended:
            yield f"{name} has no argument {keyword}; it has {', '.join(known) or 'none'}"
    places = [each for each in signature.parameters.values() if each.kind in POSITIONAL]
    given = [each for each in call.args if not isinstance(each, ast.Starred)]
    if len(given) > len(places) and Parameter.VAR_POSITIONAL not in kinds(signature):
        yield f"{name} takes {len(places)} positional arguments, not {len(given)}"


def kinds(signature: inspect.Signature) -> list[Any]:
    """The kinds of the parameters of a signature."""
    return [each.kind for each in signature.parameters.values()]


def named(call: ast.Call | None) -> tuple[str, ...]:
    """The names of the arguments that a call names."""
    return tuple(each.arg for each in call.keywords if each.arg is not None) if call else ()


@cache
def attributes_of(optimizer: type) -> frozenset[str]:
    """The attributes of an optimizer: those of its class and of ``nn.Optimizer``, and those that methods assign."""
    bases = {each for owner in (optimizer, nn.Optimizer) for each in owner.__mro__ if each is not object}
    found = {name for each in bases for name in dir(each)}
    for each in bases:
        for node in ast.walk(tree_of(each)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
                found.add(node.attr)
    return frozenset(found)
