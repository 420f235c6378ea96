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
    TAKEN = "perhaps it, out of a container"


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
    form: Form = Form.ITSELF


@dataclass(frozen=True)
class Dictionary:
    """A dictionary that the program spells out, by its keys that are texts.

    Attributes:
        keys: these keys.
        is_whole: whether it has no others.
    """

    keys: tuple[str, ...]
    is_whole: bool
    form: Form = Form.ITSELF


@dataclass(frozen=True)
class Untold:
    """Something that only the run tells, beside other values."""


UNTOLD = Untold()
Value = Known | Local | Constant | Dictionary | Untold
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
        scope.names[name] = either(values, scope.names[name]) if perhaps and name in scope.names else values

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
        if isinstance(each, Known | Local) and each.form is Form.ITSELF
    )


def either(*possible: Values) -> Values:
    """What one of several expressions gives; nothing is known of some."""
    found: Values = frozenset().union(*possible)
    return found | {UNTOLD} if found and not all(possible) else found


def elements(values: Values) -> Values:
    """What a container of these gives."""
    contained = (each for each in values if isinstance(each, Known | Constant | Dictionary))
    return frozenset(replace(each, form=Form.ELEMENT) for each in contained if each.form is Form.ITSELF)


def taken(values: Values) -> Values:
    """What is in containers; a constant is perhaps another one than that which is taken."""
    inside = [each for each in values if isinstance(each, Known | Constant) and each.form is Form.ELEMENT]
    return frozenset(replace(each, form=Form.ITSELF if isinstance(each, Known) else Form.TAKEN) for each in inside)


def things(values: Values) -> list[Known]:
    """The things of MindSpore itself among values, in order of their names."""
    found = [each for each in values if isinstance(each, Known) and each.form is Form.ITSELF]
    return sorted(found, key=lambda each: each.name)


def constants(values: Values) -> list[Any]:
    """The constants among values."""
    return [each.value for each in values if isinstance(each, Constant) and each.form is Form.ITSELF]


def groups(values: Values) -> list[Dictionary]:
    """The dictionaries in containers."""
    found = [each for each in values if isinstance(each, Dictionary) and each.form is Form.ELEMENT]
    return sorted(found, key=lambda each: each.keys)


def perhaps(values: Values) -> list[Any]:
    """The constants among values of which one is taken out of a container."""
    return [each.value for each in values if isinstance(each, Constant) and each.form is Form.TAKEN]
