"""A rule as a program, cut into what is computed by element and what once a row, stage by stage.

A stage goes through the elements once. What the rule adds up in one stage is known in the next; the last one computes
the new states. A rule without sums has that one only.
"""

import ast
from dataclasses import dataclass, field
from enum import IntEnum

from .axes import COLUMN, COLUMNS, ELEMENT, MATRIX, ROW, TENSOR
from .signature import Signature
from .values import Line, Reduction, Value, local


class ReductionScope(IntEnum):
    """How far the sums of a rule reach: over no more than an element, over a row, or over the tensor."""

    ELEMENT = 0
    ROW = 1
    TENSOR = 2


@dataclass
class Program:
    """A rule, or a closed form, in single assignment, with the names that each of its stages knows.

    Attributes:
        signature: what it takes; states that it neither reads nor changes are left out.
        hoisted: expressions of scalars alone, evaluated once a call.
        exponents: the exponents of powers of elements that are the same for all elements.
        lines: what an element goes through.
        words: the words that it uses.
        reductions: what is added up on the way.
        results: the new states.
        condition: of a closed form, whether it is valid for the element.
    """

    signature: Signature
    hoisted: list[str] = field(default_factory=list)
    exponents: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    reductions: list[Reduction] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    condition: Value | None = None

    @property
    def numbers(self) -> list[str]:
        """What scalars are evaluated to, once a call: at least one, since compilers do not know empty tuples."""
        return [f"compute({text})" for text in self.hoisted or ["0"]]

    @property
    def reduction_scope(self) -> ReductionScope:
        """How far the sums of the rule reach."""
        kinds = {each.kind for each in self.reductions}
        if kinds - {ROW} or self.signature.per_column:
            return ReductionScope.TENSOR
        return ReductionScope.ROW if kinds or self.signature.per_row else ReductionScope.ELEMENT

    @property
    def matrices(self) -> bool:
        """Whether rows and columns are those of the variable's last two dimensions."""
        kinds = {each.kind for each in self.reductions}
        return bool(kinds & {COLUMN, MATRIX} or self.signature.per_column)

    @property
    def last(self) -> int:
        """The stage that computes the new states."""
        return max((each.stage + 1 for each in self.reductions), default=0)

    @property
    def by_row(self) -> list[int]:
        """The numbers of the states that hold one number a row."""
        return [k for k, name in enumerate(self.signature.states) if name in self.signature.per_row]

    @property
    def by_column(self) -> list[int]:
        """The numbers of the states that hold one number a column."""
        return [k for k, name in enumerate(self.signature.states) if name in self.signature.per_column]

    @property
    def by_element(self) -> list[int]:
        """The numbers of the other states."""
        return [k for k in range(len(self.signature.states)) if k not in (*self.by_row, *self.by_column)]

    @property
    def kinds(self) -> tuple[str, ...]:
        """For each state of which of "element", "row" and "column" it holds one number."""
        kinds = dict.fromkeys(self.signature.per_row, "row") | dict.fromkeys(self.signature.per_column, "column")
        return tuple(kinds.get(name, "element") for name in self.signature.states)

    def reductions_of(self, stage: int, *kinds: int) -> list[Reduction]:
        """What a stage adds up, of some kinds."""
        return [each for each in self.reductions if each.stage == stage and each.kind in kinds]

    def place(self, wanted: Reduction) -> int:
        """Which of the sums of its kind a sum is."""
        alike = [
            each for each in self.reductions if each.kind == wanted.kind or {each.kind, wanted.kind} == {MATRIX, TENSOR}
        ]
        return alike.index(wanted)

    def once(self, stage: int) -> list[str]:
        """The lines that a row needs once, at the beginning of a stage, beyond those of the stages before."""
        lines = [each for each in self.lines if not each.value.kind & COLUMNS]
        return [f"{each.name} = {ast.unparse(each.value.node)}" for each in lines if each.value.stage == stage]

    def known(self, stage: int) -> list[str]:
        """The names that are the same for a whole row in some stage."""
        rows = [local(self.signature.states[k]) for k in self.by_row]
        lines = [each.name for each in self.lines_until(stage) if not each.value.kind & COLUMNS]
        sums = [each.name for each in self.reductions if each.stage < stage and not each.kind & COLUMNS]
        return [*rows, *lines, *sums]

    def columns(self, stage: int) -> list[Reduction]:
        """The sums of columns that are known in some stage."""
        return [each for each in self.reductions if each.stage < stage and each.kind == COLUMN]

    def lines_until(self, stage: int) -> list[Line]:
        """The lines that can be computed in some stage."""
        return [each for each in self.lines if each.value.stage <= stage]

    def function(self, name: str, stage: int, results: list[str]) -> str:
        """The function that computes something of one element in some stage."""
        states = [local(self.signature.states[k]) for k in (*self.by_element, *self.by_column)]
        columns = [each.name for each in self.columns(stage)]
        arguments = [*states, *columns, local(self.signature.gradient), *self.known(stage), "scalars"]
        lines = [
            f"    {each.name} = {ast.unparse(each.value.node)}"
            for each in self.lines_until(stage)
            if each.value.kind & COLUMNS
        ]
        return "\n".join([f"def {name}({', '.join(arguments)}):", *lines, f"    return {', '.join(results)},"])

    def new(self, numbers: list[int]) -> list[str]:
        """The expressions of some of the new states."""
        return [ast.unparse(self.results[k].node) for k in numbers]

    @property
    def changed(self) -> tuple[bool, ...]:
        """For each state whether the rule changes it; else it is only read."""
        names = self.signature.states
        return tuple(self.new([k]) != [local(name)] for k, name in enumerate(names))

    @property
    def functions(self) -> list[str]:
        """All functions of one element: what each stage adds up, the new states, and those by column."""
        found = []
        for stage in range(self.last):
            added = self.reductions_of(stage, ROW, MATRIX, TENSOR, COLUMN)
            terms = [f"np.float64({each.argument})" for each in added if each.of == ELEMENT]
            if terms:
                found.append(self.function(f"terms_{stage}", stage, terms))
        found.append(self.function("rule", self.last, self.new(self.by_element)))
        if self.by_column:
            found.append(self.function("rule_of_columns", self.last, self.new(self.by_column)))
        return found

    @property
    def stages(self) -> int:
        """How many passes over the elements a step takes; states by column are written in one more."""
        return self.last + 1 + bool(self.by_column)

    @property
    def row_sums(self) -> int:
        """How many sums there are by row."""
        return sum(each.kind == ROW for each in self.reductions)

    @property
    def matrix_sums(self) -> tuple[bool, ...]:
        """For each sum over a matrix or over the tensor, whether it is over the tensor."""
        return tuple(each.kind == TENSOR for each in self.reductions if each.kind in (MATRIX, TENSOR))

    @property
    def column_sums(self) -> int:
        """How many sums there are by column."""
        return sum(each.kind == COLUMN for each in self.reductions)

    @property
    def over_tensor(self) -> int:
        """Which of the ``matrix_sums`` are over the tensor, a bit for each."""
        return sum(1 << number for number, over_tensor in enumerate(self.matrix_sums) if over_tensor)

    @property
    def sees_rows(self) -> bool:
        """Whether anything is by row or column."""
        return bool(
            self.by_row or self.by_column or any(each.kind in (ROW, MATRIX, COLUMN) for each in self.reductions)
        )
