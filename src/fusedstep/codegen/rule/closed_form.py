"""A closed form of steps with a zero gradient as a program."""

import ast
import inspect
from dataclasses import replace

from ...rules.idle import ClosedForm
from .program import Program
from .signature import Signature
from .translate import translate


def closed_program(idle: ClosedForm, program: Program, switches: tuple[tuple[str, bool], ...]) -> Program:
    """A closed form, translated; states that the rule's ``program`` leaves out are left out."""
    parameters = inspect.signature(idle.states).parameters
    scalars = (*idle.kept_totals, *idle.moved_totals, *idle.held)
    none: frozenset[str] = frozenset()
    signature = Signature(idle.states.__name__, idle.takes, "grad", scalars, {}, {}, none, none, may_refuse=True)
    known = {name: value for name, value in switches if name in parameters}
    closed = translate(idle.states, signature, known)
    used = program.signature.states
    results = [each for name, each in zip(idle.takes, closed.results, strict=True) if name in used]
    return replace(closed, signature=replace(signature, states=used), results=results)


def condition_of(program: Program) -> list[str]:
    """The condition on which a translated closed form serves an element, if there is one."""
    found = program.condition
    return [ast.unparse(found.node)] if found else []
