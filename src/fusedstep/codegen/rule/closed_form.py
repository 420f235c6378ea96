"""The program of a closed form."""

import ast
import inspect
from dataclasses import replace

from ...rules.idle import ClosedForm
from .program import Program
from .signature import Signature
from .translate import translate


def closed_program(closed_form: ClosedForm, program: Program, switches: tuple[tuple[str, bool], ...]) -> Program:
    """The program of a closed form, without the states that the rule's ``program`` leaves out."""
    parameters = inspect.signature(closed_form.states).parameters
    scalars = (*closed_form.kept_totals, *closed_form.moved_totals, *closed_form.held)
    none: frozenset[str] = frozenset()
    signature = Signature(
        closed_form.states.__name__, closed_form.takes, "grad", scalars, {}, {}, none, none, may_refuse=True
    )
    known = {switch: value for switch, value in switches if switch in parameters}
    closed = translate(closed_form.states, signature, known)
    used = program.signature.states
    results = [each for state, each in zip(closed_form.takes, closed.results, strict=True) if state in used]
    return replace(closed, signature=replace(signature, states=used), results=results)


def condition_of(program: Program) -> list[str]:
    """The condition under which a closed form is valid for an element, if there is one."""
    found = program.condition
    return [ast.unparse(found.node)] if found else []
