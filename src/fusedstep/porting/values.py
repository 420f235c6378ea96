"""What a name of a program may stand for, as far as reading tells."""

import ast
import builtins
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

MINDSPORE = "mindspore"


class Form(Enum):
    """How a value comes from what it names."""

    ITSELF = "itself"
    RESULT = "the result of a call of it"
    ELEMENT = "a container of it"


@dataclass(frozen=True)
class Known:
    """Something of MindSpore, by its full name, or what comes from it."""

    name: str
    form: Form = Form.ITSELF


@dataclass(frozen=True)
class Local:
    """A function or class that the program defines, or the result of calling it."""

    node: ast.AST
    form: Form = Form.ITSELF


@dataclass(frozen=True)
class Constant:
    """A number, a text, a truth or None that the program spells out."""

    value: Any


Value = Known | Local | Constant
# Everything that a name may stand for; empty where reading does not tell.
Values = frozenset[Value]
NOTHING: Values = frozenset()


@dataclass
class Scope:
    """The names of a module, class or function.

    Attributes:
        parent: the scope around it, in which a name is looked for next.
        names: the values of each name.
        outer: the scopes of names that ``global`` or ``nonlocal`` declares.
    """

    parent: "Scope | None" = None
    names: dict[str, Values] = field(default_factory=dict)
    outer: dict[str, "Scope"] = field(default_factory=dict)

    def bind(self, name: str, values: Values, *, perhaps: bool) -> None:
        """Bind a name; in a branch that may not run, its earlier values remain."""
        scope = self.outer.get(name, self)
        scope.names[name] = values | scope.names.get(name, NOTHING) if perhaps else values

    def find(self, name: str) -> Values | None:
        """The values of a name; None if the program does not bind it."""
        if name in self.names:
            return self.names[name]
        if self.parent is not None:
            return self.parent.find(name)
        return NOTHING if hasattr(builtins, name) else None

    @property
    def module(self) -> "Scope":
        """The outermost scope."""
        return self if self.parent is None else self.parent.module


def results(values: Values) -> Values:
    """What calling gives."""
    return frozenset(
        replace(each, form=Form.RESULT)
        for each in values
        if not isinstance(each, Constant) and each.form is Form.ITSELF
    )


def elements(values: Values) -> Values:
    """What a container of these gives."""
    return frozenset(Known(each.name, Form.ELEMENT) for each in things(values))


def taken(values: Values) -> Values:
    """What is in containers."""
    return frozenset(Known(each.name) for each in values if isinstance(each, Known) and each.form is Form.ELEMENT)


def things(values: Values) -> list[Known]:
    """The things of MindSpore itself among values, in order of their names."""
    found = [each for each in values if isinstance(each, Known) and each.form is Form.ITSELF]
    return sorted(found, key=lambda each: each.name)


def constants(values: Values) -> list[Any]:
    """The constants among values."""
    return [each.value for each in values if isinstance(each, Constant)]
