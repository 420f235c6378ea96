"""What the annotations of a rule say, however they are spelled."""

import typing
from collections.abc import Callable, Iterator
from typing import Any

from ...rules.words import PerColumn, PerRow

NAMES = {"PerRow": "row", "PerColumn": "column"}
MARKS = {PerRow.__metadata__[0]: "row", PerColumn.__metadata__[0]: "column"}


def evaluated(rule: Callable[..., Any], annotation: Any) -> Any:
    """An annotation; one in quotes, as ``from __future__ import annotations`` makes all, is evaluated where the rule
    was defined, and stays a string if it means nothing there.

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
    """The names that a function sees of those around it."""
    for name, cell in zip(rule.__code__.co_freevars, rule.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue


def is_bool(rule: Callable[..., Any], annotation: Any) -> bool:
    """Whether an annotation is ``bool``."""
    found = evaluated(rule, annotation)
    if typing.get_origin(found) is typing.Annotated:
        return is_bool(rule, found.__origin__)
    inner = inside_name(found)
    return is_bool(rule, inner) if inner is not None else found in (bool, "bool")


def reduced_to(rule: Callable[..., Any], name: str, annotation: Any, usual: tuple[Any, ...]) -> str:
    """Of what a state holds one number, as its annotation says: a ``"row"``, a ``"column"``, or ``"element"``.

    Args:
        rule: the rule.
        name: of the state.
        annotation: the state's.
        usual: the annotations of what holds a number an element.

    Raises:
        TypeError: it says both, or cannot be evaluated and may say either.
    """
    said = set(kinds(rule, name, annotation, usual))
    if len(said) > 1:
        raise TypeError(f"rule {rule.__name__}: {name} is annotated PerRow and PerColumn; expected one of them")
    return said.pop() if said else "element"


def kinds(rule: Callable[..., Any], name: str, annotation: Any, usual: tuple[Any, ...]) -> Iterator[str]:
    """What an annotation and those inside it say a state holds one number of."""
    found = evaluated(rule, annotation)
    if isinstance(found, str):
        last = found.rpartition(".")[2].strip()
        if last in NAMES:
            # Imported for type checkers alone, it means the same.
            yield NAMES[last]
        elif any(each in found for each in NAMES) or (is_expression(found) and found not in usual):
            # Not to be known: a name that is imported elsewhere may stand for PerRow.
            raise TypeError(
                f"rule {rule.__name__}: the annotation of {name}, {found!r}, cannot be evaluated where the rule is "
                "defined, so that it may mean PerRow or PerColumn; import what it names there, when the module runs"
            )
    elif typing.get_origin(found) is typing.Annotated:
        yield from kinds(rule, name, found.__origin__, usual)
        for mark in found.__metadata__:
            if not isinstance(mark, str):
                yield from kinds(rule, name, mark, usual)
            elif mark in MARKS:
                yield MARKS[mark]
    elif inside_name(found) is not None:
        yield from kinds(rule, name, inside_name(found), usual)
    elif typing.get_origin(found) is not typing.Literal:
        for inner in typing.get_args(found):
            yield from kinds(rule, name, inner, usual)


def is_expression(text: str) -> bool:
    """Whether a text is Python rather than prose."""
    try:
        compile(text, "<annotation>", "eval")
    except (SyntaxError, ValueError):
        return False
    return True


def inside_name(annotation: Any) -> Any:
    """What an annotation stands for that is a name for another: of ``type NAME = ...`` or of ``NewType``."""
    if type(annotation).__name__ == "TypeAliasType":
        return annotation.__value__
    return annotation.__supertype__ if isinstance(annotation, typing.NewType) else None
