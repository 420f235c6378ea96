"""A rule as a program: for each stage, the expressions of each element and of each row.

A stage is one pass over the elements. The sums of one stage are known in the next; the last stage computes the new
states. A rule without sums has only that one.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from .axes import COLUMN, COLUMNS, ELEMENT, MATRIX, ROW, TENSOR
from .signature import Signature
from .values import Line, Reduction, Value, local


class ReductionScope(IntEnum):
    """How far the reductions of a rule extend: none, over a row, or beyond."""

    ELEMENT = 0
    ROW = 1
    TENSOR = 2


@dataclass
class Program:
    """A rule, or a closed form, in single assignment, cut into stages.

    Attributes:
        signature: its arguments, without states that it neither reads nor changes.
        hoisted: the expressions of scalars only, evaluated once per call.
        exponents: the exponents of powers that are the same for all elements.
        lines: the named values, in order.
        words: the words that it uses.
        reductions: its sums, means and maxima, in order.
        results: the new states.
        condition: for a closed form, whether it is valid for the element.
        passes: how many passes of loops were written out.
        statements: how many statements were translated, each once for every way that leads to it.
    """

    signature: Signature
    hoisted: list[str] = field(default_factory=list)
    exponents: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    reductions: list[Reduction] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    condition: Value | None = None
    passes: int = 0
    statements: int = 0

    @property
    def numbers(self) -> list[str]:
        """The hoisted expressions in the compute type; at least one, since compilers do not know empty tuples."""
        return [f"compute({text})" for text in self.hoisted or ["0"]]

    @property
    def reduction_scope(self) -> ReductionScope:
        """How far the reductions of the rule extend."""
        axes = {each.axes for each in self.reductions}
        if axes - {ROW} or self.signature.per_column:
            return ReductionScope.TENSOR
        return ReductionScope.ROW if axes or self.signature.per_row else ReductionScope.ELEMENT

    @property
    def matrices(self) -> bool:
        """Whether rows and columns are those of the variable's last two dimensions."""
        axes = {each.axes for each in self.reductions}
        return bool(axes & {COLUMN, MATRIX} or self.signature.per_column)

    @property
    def last(self) -> int:
        """The stage that computes the new states."""
        return max((each.stage + 1 for each in self.reductions), default=0)

    @property
    def by_row(self) -> list[int]:
        """The indices of the states that hold one number per row."""
        return [k for k, name in enumerate(self.signature.states) if name in self.signature.per_row]

    @property
    def by_column(self) -> list[int]:
        """The indices of the states that hold one number per column."""
        return [k for k, name in enumerate(self.signature.states) if name in self.signature.per_column]

    @property
    def by_element(self) -> list[int]:
        """The indices of the other states."""
        return [k for k in range(len(self.signature.states)) if k not in (*self.by_row, *self.by_column)]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of each state: it holds one number per "element", "row" or "column"."""
        kinds = dict.fromkeys(self.signature.per_row, "row") | dict.fromkeys(self.signature.per_column, "column")
        return tuple(kinds.get(name, "element") for name in self.signature.states)

    def reductions_of(self, stage: int, *axes: int) -> list[Reduction]:
        """The reductions of a stage whose results vary along some axes."""
        return [each for each in self.reductions if each.stage == stage and each.axes in axes]

    def place(self, wanted: Reduction) -> int:
        """The index of a sum among those with the same axes; sums by matrix and by tensor count together."""
        alike = [
            each for each in self.reductions if each.axes == wanted.axes or {each.axes, wanted.axes} == {MATRIX, TENSOR}
        ]
        return alike.index(wanted)

    def once(self, stage: int) -> list[str]:
        """The lines that a stage evaluates once per row, in addition to those of earlier stages."""
        lines = [each for each in self.lines if not each.value.axes & COLUMNS]
        return [f"{each.name} = {ast.unparse(each.value.node)}" for each in lines if each.value.stage == stage]

    def known(self, stage: int) -> list[str]:
        """The names of the values that are known in a stage and are the same for a whole row."""
        rows = [local(self.signature.states[k]) for k in self.by_row]
        lines = [each.name for each in self.lines_until(stage) if not each.value.axes & COLUMNS]
        sums = [each.name for each in self.reductions if each.stage < stage and not each.axes & COLUMNS]
        return [*rows, *lines, *sums]

    def columns(self, stage: int) -> list[Reduction]:
        """The sums by column that are known in a stage."""
        return [each for each in self.reductions if each.stage < stage and each.axes == COLUMN]

    def lines_until(self, stage: int) -> list[Line]:
        """The lines that are known in a stage."""
        return [each for each in self.lines if each.value.stage <= stage]

    def function(self, name: str, stage: int, results: list[str]) -> str:
        """The text of a function that computes results for one element in a stage."""
        states = [local(self.signature.states[k]) for k in (*self.by_element, *self.by_column)]
        columns = [each.name for each in self.columns(stage)]
        arguments = [*states, *columns, local(self.signature.gradient), *self.known(stage), "scalars"]
        lines = [
            f"    {each.name} = {ast.unparse(each.value.node)}"
            for each in self.lines_until(stage)
            if each.value.axes & COLUMNS
        ]
        return "\n".join([f"def {name}({', '.join(arguments)}):", *lines, f"    return {', '.join(results)},"])

    def new(self, numbers: list[int]) -> list[str]:
        """The expressions of some new states, by index."""
        return [ast.unparse(self.results[k].node) for k in numbers]

    @property
    def changed(self) -> tuple[bool, ...]:
        """For each state, whether the rule changes it or only reads it."""
        names = self.signature.states
        return tuple(self.new([k]) != [local(name)] for k, name in enumerate(names))

    @property
    def functions(self) -> list[str]:
        """The texts of all functions of one element: the terms of each stage, the new states, and those by column."""
        found = []
        for stage in range(self.last):
            added = self.reductions_of(stage, ROW, MATRIX, TENSOR, COLUMN)
            terms = [f"np.float64({each.argument})" for each in added if each.argument_axes == ELEMENT]
            if terms:
                found.append(self.function(f"terms_{stage}", stage, terms))
        found.append(self.function("rule", self.last, self.new(self.by_element)))
        if self.by_column:
            found.append(self.function("rule_of_columns", self.last, self.new(self.by_column)))
        return found

    @property
    def stages(self) -> int:
        """The number of passes over the elements in a step; states by column are written in one more."""
        return self.last + 1 + bool(self.by_column)

    @property
    def row_sums(self) -> int:
        """The number of sums by row."""
        return sum(each.axes == ROW for each in self.reductions)

    @property
    def matrix_sums(self) -> tuple[bool, ...]:
        """For each sum over a matrix or over the tensor, whether it is over the tensor."""
        return tuple(each.axes == TENSOR for each in self.reductions if each.axes in (MATRIX, TENSOR))

    @property
    def column_sums(self) -> int:
        """The number of sums by column."""
        return sum(each.axes == COLUMN for each in self.reductions)

    @property
    def over_tensor(self) -> int:
        """Which of the ``matrix_sums`` are over the tensor, one bit each."""
        return bits_of(self.matrix_sums)

    @property
    def matrix_maxima(self) -> int:
        """Which of the ``matrix_sums`` are maxima, one bit each."""
        return bits_of(each.kind == "max" for each in self.reductions if each.axes in (MATRIX, TENSOR))

    @property
    def column_maxima(self) -> int:
        """Which of the sums by column are maxima, one bit each."""
        return bits_of(each.kind == "max" for each in self.reductions if each.axes == COLUMN)

    @property
    def sees_rows(self) -> bool:
        """Whether a state or a reduction is by row, column or matrix."""
        return bool(
            self.by_row or self.by_column or any(each.axes in (ROW, MATRIX, COLUMN) for each in self.reductions)
        )


def bits_of(truths: Iterable[bool]) -> int:
    """Truth values as the bits of a number, the first one lowest."""
    return sum(1 << number for number, truth in enumerate(truths) if truth)
