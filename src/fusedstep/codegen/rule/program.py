"""A translated rule, cut into what is computed by element and what once a row, stage by stage.

A stage goes through the elements once. What the rule adds up in one stage is known in the next; the last one computes
the new states. A rule without sums has that one only.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, NamedTuple

from .axes import COLUMN, COLUMNS, ELEMENT, MATRIX, ROW, TENSOR
from .signature import Signature, read_signature
from .translate import translate
from .values import Line, Reduction, Translation, local


class ReductionScope(IntEnum):
    """How far the sums of a rule reach: over no more than an element, over a row, or over the tensor."""

    ELEMENT = 0
    ROW = 1
    TENSOR = 2


@dataclass(frozen=True)
class Program:
    """A rule's translation, with the names that each of its stages knows."""

    signature: Signature
    translation: Translation

    @property
    def reduction_scope(self) -> ReductionScope:
        """How far the sums of the rule reach."""
        kinds = {each.kind for each in self.translation.reductions}
        if kinds - {ROW} or self.signature.per_column:
            return ReductionScope.TENSOR
        return ReductionScope.ROW if kinds or self.signature.per_row else ReductionScope.ELEMENT

    @property
    def matrices(self) -> bool:
        """Whether rows and columns are those of the variable's last two dimensions."""
        kinds = {each.kind for each in self.translation.reductions}
        return bool(kinds & {COLUMN, MATRIX} or self.signature.per_column)

    @property
    def last(self) -> int:
        """The stage that computes the new states."""
        return max((each.stage + 1 for each in self.translation.reductions), default=0)

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

    def reductions(self, stage: int, *kinds: int) -> list[Reduction]:
        """What a stage adds up, of some kinds."""
        return [each for each in self.translation.reductions if each.stage == stage and each.kind in kinds]

    def place(self, wanted: Reduction) -> int:
        """Which of the sums of its kind a sum is."""
        alike = [
            each
            for each in self.translation.reductions
            if each.kind == wanted.kind or {each.kind, wanted.kind} == {MATRIX, TENSOR}
        ]
        return alike.index(wanted)

    def once(self, stage: int) -> list[str]:
        """The lines that a row needs once, at the beginning of a stage, beyond those of the stages before."""
        lines = [each for each in self.translation.lines if not each.value.kind & COLUMNS]
        return [f"{each.name} = {ast.unparse(each.value.node)}" for each in lines if each.value.stage == stage]

    def known(self, stage: int) -> list[str]:
        """The names that are the same for a whole row in some stage."""
        rows = [local(self.signature.states[k]) for k in self.by_row]
        lines = [each.name for each in self.lines(stage) if not each.value.kind & COLUMNS]
        sums = [each.name for each in self.translation.reductions if each.stage < stage and not each.kind & COLUMNS]
        return [*rows, *lines, *sums]

    def columns(self, stage: int) -> list[Reduction]:
        """The sums of columns that are known in some stage."""
        return [each for each in self.translation.reductions if each.stage < stage and each.kind == COLUMN]

    def lines(self, stage: int) -> list[Line]:
        """The lines that can be computed in some stage."""
        return [each for each in self.translation.lines if each.value.stage <= stage]

    def function(self, name: str, stage: int, results: list[str]) -> str:
        """The function that computes something of one element in some stage."""
        states = [local(self.signature.states[k]) for k in (*self.by_element, *self.by_column)]
        columns = [each.name for each in self.columns(stage)]
        arguments = [*states, *columns, local(self.signature.gradient), *self.known(stage), "scalars"]
        lines = [
            f"    {each.name} = {ast.unparse(each.value.node)}"
            for each in self.lines(stage)
            if each.value.kind & COLUMNS
        ]
        return "\n".join([f"def {name}({', '.join(arguments)}):", *lines, f"    return {', '.join(results)},"])

    def new(self, numbers: list[int]) -> list[str]:
        """The expressions of some of the new states."""
        return [ast.unparse(self.translation.results[k].node) for k in numbers]

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
            added = self.reductions(stage, ROW, MATRIX, TENSOR, COLUMN)
            terms = [f"np.float64({each.argument})" for each in added if each.of == ELEMENT]
            if terms:
                found.append(self.function(f"terms_{stage}", stage, terms))
        found.append(self.function("rule", self.last, self.new(self.by_element)))
        if self.by_column:
            found.append(self.function("rule_of_columns", self.last, self.new(self.by_column)))
        return found


@dataclass(frozen=True)
class Plan:
    """What a step of a rule whose sums reach beyond a row needs.

    Attributes:
        stages: how many times the elements are gone through.
        rows: how many sums there are by row.
        totals: for each sum by matrix or over everything, whether it is over everything.
        columns: how many sums there are by column.
        matrices: whether rows and columns are those of the variable's last two dimensions.
        by_row: whether anything is by row or column at all.
    """

    stages: int
    rows: int
    totals: tuple[bool, ...]
    columns: int
    matrices: bool
    by_row: bool

    @property
    def over_all(self) -> int:
        """Which of the totals are over everything, a bit for each."""
        return sum(1 << number for number, everything in enumerate(self.totals) if everything)


def plan_of(program: Program) -> Plan:
    """The plan of a program."""
    kinds = [each.kind for each in program.translation.reductions]
    return Plan(
        program.last + 1 + bool(program.by_column),
        kinds.count(ROW),
        tuple(kind == TENSOR for kind in kinds if kind in (MATRIX, TENSOR)),
        kinds.count(COLUMN),
        program.matrices,
        bool(program.by_row or program.by_column or {ROW, MATRIX, COLUMN} & set(kinds)),
    )


def program_of(rule: Callable[..., Any], switches: tuple[tuple[str, bool], ...]) -> Program:
    """A rule with its switches set, translated; states that it neither reads nor changes are left out."""
    signature = read_signature(rule)
    translation = translate(rule, signature, dict(switches))
    used = tuple(name for name, idle in zip(signature.states, translation.idle(signature), strict=True) if not idle)
    results = [each for each, name in zip(translation.results, signature.states, strict=True) if name in used]
    per_row, per_column = signature.per_row.intersection(used), signature.per_column.intersection(used)
    return Program(
        replace(signature, states=used, per_row=per_row, per_column=per_column), replace(translation, results=results)
    )


class Layout(NamedTuple):
    """What a rule with some switches asks of the arrays of a call.

    Attributes:
        states: for each state, which of "element", "row" and "column" has one number of it; "" if it is not used.
        changed: for each state that is used, whether the rule changes it.
        reduction_scope: how far the rule's sums reach.
        plan: where they reach beyond a row, what a step needs.
        hoisted: how many numbers a step's scalars come to, evaluated once a call.
    """

    states: tuple[str, ...]
    changed: tuple[bool, ...]
    reduction_scope: ReductionScope
    plan: Plan
    hoisted: int


def layout_of(rule: Callable[..., Any], program: Program) -> Layout:
    """What a rule, translated to a program, asks of the arrays of a call."""
    signature = read_signature(rule)
    kinds = dict.fromkeys(program.signature.states, "element")
    kinds |= dict.fromkeys(signature.per_row, "row") | dict.fromkeys(signature.per_column, "column")
    used = program.signature.states
    states = tuple(kinds[name] if name in used else "" for name in signature.states)
    return Layout(states, program.changed, program.reduction_scope, plan_of(program), len(program.translation.numbers))
