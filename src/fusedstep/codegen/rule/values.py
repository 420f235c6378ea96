"""What a translated rule is made of: values, the lines that name them, and what is added up."""

import ast
from dataclasses import dataclass, field

from .axes import ROW, TENSOR
from .signature import Signature


@dataclass(frozen=True)
class Value:
    """A piece of a rule.

    Attributes:
        node: its expression.
        kind: how far it differs; see ``kinds``.
        truth: whether it is a condition, true or false.
        stage: how many times the elements must have been gone through before it is known.
    """

    node: ast.expr
    kind: int
    truth: bool = False
    stage: int = 0


@dataclass(frozen=True)
class Line:
    """A value that is given a name, which no other value has."""

    name: str
    value: Value


@dataclass(frozen=True)
class Reduction:
    """A sum or a mean over rows, columns or everything.

    Attributes:
        name: of the result.
        argument: the name of what is added up.
        of: the kind of what is added up.
        kind: the kind of the result.
        mean: whether it is divided by the count.
        stage: how many reductions of others come before it.
    """

    name: str
    argument: str
    of: int
    kind: int
    mean: bool
    stage: int

    @property
    def word(self) -> str:
        """The word that adds up."""
        along = {ROW: "row", TENSOR: "tensor"}.get(self.kind, "column")
        return f"{along}_{'mean' if self.mean else 'sum'}"


@dataclass
class Translation:
    """A rule as text: ``hoisted`` expressions of scalars, then the ``lines`` that an element goes through, what is
    added up on the way, the new states, and behind those of a closed form whether it serves the element.
    ``exponents`` are those of an element's powers that are the same for all elements."""

    hoisted: list[str] = field(default_factory=list)
    exponents: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    reductions: list[Reduction] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    condition: Value | None = None

    @property
    def numbers(self) -> list[str]:
        """What scalars come to, evaluated once a call: at least one, since no tuple is empty to a compiler."""
        return [f"compute({text})" for text in self.hoisted or ["0"]]

    def idle(self, signature: Signature) -> list[bool]:
        """Which states the rule neither reads nor changes."""
        nodes = [line.value.node for line in self.lines]
        read = {each.id for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name)}
        read |= {each.argument for each in self.reductions}
        # The variable is what shapes and types are compared with.
        idle = [False]
        for name, result in list(zip(signature.states, self.results, strict=True))[1:]:
            others = [each.node for each in self.results if each is not result]
            names = {each.id for node in others for each in ast.walk(node) if isinstance(each, ast.Name)}
            same = isinstance(result.node, ast.Name) and result.node.id == local(name)
            idle.append(same and local(name) not in read | names)
        return idle


def local(name: str) -> str:
    """An argument's name in the woven text.

    Names that come from a rule end with an underscore there, those of arguments with two, and no others do: whatever a
    rule calls its values, they are mistaken for nothing.
    """
    return f"{name}__"
