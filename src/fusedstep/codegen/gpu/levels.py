"""Which launch of a rule's kernels computes each of its reductions.

A row is in one program: what is reduced over it is known at once.
What is reduced over more is known one launch later.
"""

import ast
from functools import cached_property

from ..rule.axes import ELEMENT, MATRIX, ROW, TENSOR
from ..rule.program import Program
from ..rule.values import Reduction


class Levels:
    """The launches of a rule, counted from 0.

    Args:
        program: the rule.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._nodes = {each.name: each.value.node for each in program.lines}
        self._reductions = {each.name: each for each in program.reductions}
        self._known: dict[str, int] = {}

    @cached_property
    def last(self) -> int:
        """The launch that computes the new states of elements and rows; those of columns follow."""
        return max((self.known(each.name) for each in self.program.reductions), default=0)

    @property
    def count(self) -> int:
        """The number of launches."""
        return self.last + 1 + bool(self.program.by_column)

    def known(self, name: str) -> int:
        """The first launch in which a value is known."""
        if name not in self._known:
            if name in self._reductions:
                each = self._reductions[name]
                found = self.computed(each) + (each.axes != ROW)
            else:
                found = self._needed(self._nodes[name]) if name in self._nodes else 0
            self._known[name] = found
        return self._known[name]

    def computed(self, each: Reduction) -> int:
        """The launch that goes through what a reduction reduces."""
        if each.argument_axes != ELEMENT:
            return self._needed(ast.parse(each.argument))
        # One function computes all terms of a stage, from all that is known before it.
        before = [earlier.name for earlier in self.program.reductions if earlier.stage < each.stage]
        return max(map(self.known, before), default=0)

    def partials_of(self, launch: int, axes: int) -> list[Reduction]:
        """The reductions over more than a row that a launch computes, by the axes of their results."""
        return [each for each in self.program.reductions if each.axes == axes and self.computed(each) == launch]

    def columns_of(self, launch: int) -> int:
        """Which of the sums by column a launch computes, one bit each."""
        program = self.program
        columns = [each for each in program.reductions if each.axes not in (ROW, MATRIX, TENSOR)]
        return sum(1 << program.place(each) for each in columns if self.computed(each) == launch)

    def _needed(self, node: ast.AST) -> int:
        """The first launch in which all names of an expression are known."""
        names = [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
        return max(map(self.known, names), default=0)
