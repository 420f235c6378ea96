"""The parts of a program: values, the lines that name them, and reductions."""

import ast
from dataclasses import dataclass, replace

from .axes import ROW, TENSOR


@dataclass(frozen=True)
class Value:
    """An expression of a rule.

    Attributes:
        node: its syntax tree.
        axes: the axes along which it varies, see ``axes``.
        is_condition: whether it is a condition, true or false.
        stage: the number of passes over the elements before it is known.
        size: how many operations its text has; a value that is used twice counts twice.
        depth: how many of them lie inside one another.
    """

    node: ast.expr
    axes: int
    is_condition: bool = False
    stage: int = 0
    size: int = 1
    depth: int = 1

    def signed(self, sign: ast.unaryop) -> "Value":
        """The value behind a sign, or ``not``."""
        return replace(self, node=ast.UnaryOp(sign, self.node), size=self.size + 1, depth=self.depth + 1)


@dataclass(frozen=True)
class Line:
    """A value and its unique name."""

    name: str
    value: Value


@dataclass(frozen=True)
class Reduction:
    """A sum, mean or maximum over rows, columns or the whole tensor.

    Attributes:
        name: the name of the result.
        argument: the name of the value that is reduced.
        argument_axes: the axes along which that value varies.
        axes: the axes along which the result varies.
        kind: "sum", "mean" or "max".
        stage: the number of reductions that must precede it.
    """

    name: str
    argument: str
    argument_axes: int
    axes: int
    kind: str
    stage: int

    @property
    def word(self) -> str:
        """The word of the rule."""
        along = {ROW: "row", TENSOR: "tensor"}.get(self.axes, "column")
        return f"{along}_{self.kind}"


def local(name: str) -> str:
    """An argument's name in generated text.

    There, the names of a rule's values end with one underscore, those of its arguments with two, and no other names do.
    So names cannot collide.
    """
    return f"{name}__"
