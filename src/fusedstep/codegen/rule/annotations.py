"""Reads the annotations of a rule, in any spelling."""

import typing
from collections.abc import Callable, Iterator
from typing import Any

from ...rules.words import PerColumn, PerRow
from .refusal import refusal

BY_NAME = {"PerRow": "row", "PerColumn": "column"}
BY_METADATA = {PerRow.__metadata__[0]: "row", PerColumn.__metadata__[0]: "column"}


def evaluated(rule: Callable[..., Any], annotation: Any) -> Any:
    """Evaluate an annotation in quotes where the rule was defined; return it unchanged if that fails.

    ``from __future__ import annotations`` puts all annotations in quotes.

    >>> def rule(var: "Any", grad: "Nothing"): ...
    >>> evaluated(rule, "1 + 1"), evaluated(rule, "Nothing")
    (2, 'Nothing')
    """
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation
    try:
        found = eval(annotation, rule.__globals__, dict(enclosing(rule)))  # noqa: S307 - the rule's own text
        return evaluated(rule, found)
    except Exception:
        return annotation


def enclosing(rule: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """The names and values of a function's closure, of those that have a value."""
    for name, cell in zip(rule.__code__.co_freevars, rule.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue


def is_bool(rule: Callable[..., Any], annotation: Any) -> bool:
    """Return whether an annotation is ``bool``."""
    found = evaluated(rule, annotation)
    if typing.get_origin(found) is typing.Annotated:
        return is_bool(rule, found.__origin__)
    inner = inside_name(found)
    return is_bool(rule, inner) if inner is not None else found in (bool, "bool")


def state_kind(rule: Callable[..., Any], name: str, annotation: Any, ordinary: tuple[Any, ...]) -> str:
    """Return whether a state holds one number per ``"row"``, ``"column"`` or ``"element"``, by its annotation.

    Args:
        rule: the rule.
        name: the name of the state.
        annotation: the annotation of the state.
        ordinary: the annotations of the variable and the gradient, which hold a number per element.

    Raises:
        TypeError: the annotation is both, or cannot be evaluated and may be either.
    """
    found = set(annotated_axes(rule, name, annotation, ordinary))
    if len(found) > 1:
        raise refusal(rule, f"{name} is annotated PerRow and PerColumn; expected one of them")
    return found.pop() if found else "element"


def annotated_axes(rule: Callable[..., Any], name: str, annotation: Any, ordinary: tuple[Any, ...]) -> Iterator[str]:
    """The rows and columns that an annotation names, also inside another."""
    found = evaluated(rule, annotation)
    if isinstance(found, str):
        last = found.rpartition(".")[2].strip()
        if last in BY_NAME:
            # A name that is imported for type checkers only.
            yield BY_NAME[last]
        elif any(each in found for each in BY_NAME) or (is_expression(found) and found not in ordinary):
            # A name that is imported elsewhere may be an alias of PerRow.
            raise refusal(
                rule,
                f"the annotation of {name}, {found!r}, cannot be evaluated where the rule is defined, and it may mean "
                "PerRow or PerColumn; import the names in it there, when the module runs",
            )
    elif typing.get_origin(found) is typing.Annotated:
        yield from annotated_axes(rule, name, found.__origin__, ordinary)
        for item in found.__metadata__:
            if not isinstance(item, str):
                yield from annotated_axes(rule, name, item, ordinary)
            elif item in BY_METADATA:
                yield BY_METADATA[item]
    elif inside_name(found) is not None:
        yield from annotated_axes(rule, name, inside_name(found), ordinary)
    elif typing.get_origin(found) is not typing.Literal:
        for inner in typing.get_args(found):
            yield from annotated_axes(rule, name, inner, ordinary)


def is_expression(text: str) -> bool:
    """Return whether a text is a Python expression."""
    try:
        compile(text, "<annotation>", "eval")
    except (SyntaxError, ValueError):
        return False
    return True


def inside_name(annotation: Any) -> Any:
    """The annotation behind an alias made by ``type NAME = ...`` or ``NewType``, else None."""
    if type(annotation).__name__ == "TypeAliasType":
        return annotation.__value__
    return annotation.__supertype__ if isinstance(annotation, typing.NewType) else None
