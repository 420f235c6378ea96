"""What programs are made of: values, the lines that name them, and what is added up."""

import ast
from dataclasses import dataclass

from .axes import ROW, TENSOR


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


def local(name: str) -> str:
    """An argument's name in the woven text.

    Names that come from a rule end with an underscore there, those of arguments with two, and no others do: whatever a
    rule calls its values, they are mistaken for nothing.
    """
    return f"{name}__"
