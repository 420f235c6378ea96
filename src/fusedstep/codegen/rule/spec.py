"""A rule with its switches set, read and translated once."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .program import Program, ReductionScope
from .signature import Signature, read_signature
from .translate import translate
from .values import local

Switches = tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class RuleSpec:
    """A rule with its switches set.

    Attributes:
        signature: the arguments of the rule.
        switches: its switches, as sorted pairs.
        program: the program of the rule, without states that it neither reads nor changes.
        kinds: for each state, whether it holds one number per "element", "row" or "column"; "" if it is unused.
        used: the indices of the used states.
        changed: for each used state, whether the rule changes it.
        written: the indices, among the used states, of those that the rule changes.
        reduction_scope: how far the reductions extend.
        matrices: whether rows and columns are those of the variable's last two dimensions.
        sees_rows: whether a state or a reduction is by row, column or matrix.
    """

    signature: Signature
    switches: Switches
    program: Program
    kinds: tuple[str, ...]
    used: tuple[int, ...]
    changed: tuple[bool, ...]
    written: tuple[int, ...]
    reduction_scope: ReductionScope
    matrices: bool
    sees_rows: bool

    def written_of(self, states: Sequence[Any]) -> list[Any]:
        """The changed states among the used ones."""
        return [states[k] for k in self.written]


def spec_of(rule: Callable[..., Any], switches: Switches) -> RuleSpec:
    """Read and translate a rule.

    Raises:
        TypeError: the rule cannot be compiled; the message names the line and the remedy.
    """
    signature, program = read_signature(rule), program_of(rule, switches)
    kinds = dict(zip(program.signature.states, program.kinds, strict=True))
    used = tuple(k for k, name in enumerate(signature.states) if name in kinds)
    return RuleSpec(
        signature,
        switches,
        program,
        tuple(kinds.get(name, "") for name in signature.states),
        used,
        program.changed,
        tuple(k for k, changed in enumerate(program.changed) if changed),
        program.reduction_scope,
        program.matrices,
        program.sees_rows,
    )


def program_of(rule: Callable[..., Any], switches: Switches) -> Program:
    """Translate a rule, and leave out the states that it neither reads nor changes."""
    signature = read_signature(rule)
    program = translate(rule, signature, dict(switches))
    used = used_states(program)
    results = [each for each, name in zip(program.results, signature.states, strict=True) if name in used]
    per_row, per_column = signature.per_row.intersection(used), signature.per_column.intersection(used)
    return replace(
        program,
        signature=replace(signature, states=used, per_row=per_row, per_column=per_column),
        results=results,
    )


def used_states(program: Program) -> tuple[str, ...]:
    """The states that a program reads or changes, and always the variable, with which shapes and types are compared."""
    variable, *others = program.signature.states
    nodes = [line.value.node for line in program.lines]
    read = names_in(nodes) | {each.argument for each in program.reductions}
    used = [variable]
    for name, result in zip(others, program.results[1:], strict=True):
        elsewhere = names_in([each.node for each in program.results if each is not result])
        unchanged = isinstance(result.node, ast.Name) and result.node.id == local(name)
        if not unchanged or local(name) in read | elsewhere:
            used.append(name)
    return tuple(used)


def names_in(nodes: list[ast.expr]) -> set[str]:
    """The names in some expressions."""
    return {each.id for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name)}
