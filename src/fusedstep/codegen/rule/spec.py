"""What a rule with its switches set asks of a call: read and translated once."""

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
        signature: what the rule takes.
        switches: its switches, as sorted pairs.
        program: the rule, translated; states that it neither reads nor changes are left out.
        kinds: for each state, of which of "element", "row" and "column" it holds one number; "" if it is unused.
        used: the numbers of the states in use.
        changed: for each state in use, whether the rule changes it.
        written: the numbers, among the states in use, of those that it changes.
        reduction_scope: how far the rule's sums reach.
        matrices: whether rows and columns are those of the variable's last two dimensions.
        sees_rows: whether anything is by row or column.
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
        """Of the states in use those that the rule changes."""
        return [states[k] for k in self.written]


def spec_of(rule: Callable[..., Any], switches: Switches) -> RuleSpec:
    """Read and translate a rule.

    Raises:
        TypeError: the rule says something that cannot be compiled; the message names the line and the remedy.
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
    """The states that a program reads or changes; always the variable, which shapes and types are compared with."""
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
