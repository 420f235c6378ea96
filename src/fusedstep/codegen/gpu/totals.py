"""Writes the functions of a closed form's totals for a device."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...rules.idle import ClosedForm, call_with_names
from ..rule.closed_form import closed_program
from ..rule.program import Program
from ..rule.spec import RuleSpec
from ..rule.values import local
from .expressions import ScalarExpressions, rewritten
from .symbol import Symbol, text_of

WITHIN = "@triton.jit"


def results_of(function: Callable[..., Any], names: Mapping[str, Any], totals: list[Symbol]) -> list[str]:
    """The texts of what a function of totals returns."""
    with np.errstate(all="ignore"):
        found = call_with_names(function, names, *totals)
    return [text_of(each) for each in (found if isinstance(found, tuple) else (found,))]


def totals_text(spec: RuleSpec, closed_form: ClosedForm, tolerance: float) -> str:
    """The text of the functions ``totals_after`` and ``numbers_since``.

    ``totals_after`` takes the totals before a step, which of them move, and the scalars of the step; ``numbers_since``
    takes totals, and the scalars that the closed form also takes.
    """
    program = closed_program(closed_form, spec.program, spec.switches)
    kept, moved = list(closed_form.kept_totals), list(closed_form.moved_totals)
    scalars = [local(name) for name in spec.program.signature.scalars]
    statements: list[str] = []
    names = {name: Symbol(local(name), statements) for name in spec.program.signature.scalars}
    known = {**names, **dict(spec.switches), "tolerance": tolerance}
    before = [Symbol(f"total_{local(name)}", statements) for name in (*kept, *moved)]
    after = results_of(closed_form.kept, known, before[: len(kept)])
    if closed_form.moved:
        recent = [*(Symbol(name, statements) for name in after), *before[len(kept) :]]
        changed = results_of(closed_form.moved, known, recent)
        after += [
            f"tl.where(moving, {text}, {old.name})" for text, old in zip(changed, before[len(kept) :], strict=True)
        ]
    takes = ", ".join([*(each.name for each in before), "moving", *scalars])
    given = ", ".join(local(name) for name in program.signature.scalars)
    numbers = numbers_of(program)
    lines = "".join(f"    {each}\n" for each in statements)
    return (
        f"{WITHIN}\ndef totals_after({takes}):\n{lines}    return {several(after)}\n\n\n"
        f"{WITHIN}\ndef numbers_since({given}):\n    return ({', '.join(numbers)},)"
    )


def several(texts: list[str]) -> str:
    """The text of a tuple."""
    return f"({', '.join(texts)},)" if texts else "()"


def fading_text(spec: RuleSpec, closed_form: ClosedForm) -> str:
    """The text of the function ``fading_of``, which takes the scalars of a step."""
    scalars, statements = spec.program.signature.scalars, list[str]()
    names = {name: Symbol(local(name), statements) for name in scalars}
    (found,) = results_of(closed_form.fading, {**names, **dict(spec.switches)}, [])
    lines = "".join(f"    {each}\n" for each in statements)
    return f"{WITHIN}\ndef fading_of({', '.join(map(local, scalars))}):\n{lines}    return {found}"


def numbers_of(program: Program) -> list[str]:
    """The texts of what is computed from scalars, in the compute type."""
    return [f"compute({rewritten(text, ScalarExpressions())})" for text in program.hoisted or ["0.0"]]
