"""Translates a rule into a program for compilers with strict types.

Rules stay clean, since three things change on the way. Sub-expressions of scalars only are hoisted: they are evaluated
once per call, in float64. Literals get the compute type, which a compiler would otherwise promote. Words, switches,
constants and helper functions are resolved to their meaning where the rule was defined.
"""

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .axes import COLUMN, CONSTANT, ELEMENT, ROW, SCALAR
from .program import Program
from .refusal import refusal
from .scope import Scope
from .signature import Signature
from .values import Value, local


def translate(rule: Callable[..., Any], signature: Signature, switches: dict[str, bool]) -> Program:
    """Translate a rule with its switches set; a closed form may return a condition after its states.

    Raises:
        TypeError: the rule cannot be compiled; the message names the line and the remedy.
    """
    scope = Scope(rule, Program(signature))
    axes = dict.fromkeys(signature.per_row, ROW) | dict.fromkeys(signature.per_column, COLUMN)
    for name in (*signature.states, signature.gradient):
        scope.names[name] = Value(ast.Name(local(name)), axes.get(name, ELEMENT))
    for name in signature.scalars:
        scope.names[name] = Value(ast.Name(local(name)), SCALAR)
    for name, value in switches.items():
        scope.names[name] = Value(ast.Constant(value), CONSTANT, is_condition=True)
    if switches.get("maximize"):
        # Every rule has this switch: it negates the gradient.
        descent = ast.UnaryOp(ast.USub(), ast.Name(local(signature.gradient)))
        scope.names[signature.gradient] = scope.assigned(signature.gradient, Value(descent, ELEMENT))
    try:
        returned = scope.run(scope.body)
    except RecursionError:
        raise refusal(
            rule,
            "its choices or expressions are nested too deeply for Python: assign parts to names, choose with where(), "
            "and return once at the end",
        ) from None
    if signature.may_refuse and returned is not None and len(returned) == len(signature.states) + 1:
        scope.program.condition = returned.pop()
    if returned is None or len(returned) != len(signature.states):
        raise refusal(
            rule,
            f"it returns {'nothing' if returned is None else len(returned)} for its {len(signature.states)} states: "
            f"return the new {', '.join(signature.states)}, in this order",
            scope.line,
        )
    if any(value.is_condition for value in returned):
        raise refusal(rule, "it returns a condition for a state: write where(condition, 1, 0)", scope.line)
    for name, result in zip(signature.states, returned, strict=True):
        if result.axes >= 0 and result.axes & ~axes.get(name, ELEMENT):
            raise refusal(
                rule,
                f"it returns one value per element for {name}, which holds one per "
                f"{'row' if name in signature.per_row else 'column'}: reduce it, as with row_mean()",
                scope.line,
            )
        scope.program.results.append(replace(result, node=scope.expression(result)))
    return scope.program
