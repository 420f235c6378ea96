"""The numbers of a call as LLVM instructions: evaluated in float64, each rounded once."""

import ast
from collections.abc import Sequence

from ..rule.program import Program
from ..rule.values import local
from .expressions import Expressions
from .words import Builder, Value


def numbers_of(builder: Builder, program: Program, scalars: Sequence[Value], compute: str) -> list[Value]:
    """The numbers in the compute type, from the scalars in the rule's order."""
    expressions = Expressions(builder, "float64")
    for name, scalar in zip(program.signature.scalars, scalars, strict=True):
        expressions.let(local(name), scalar)
    exact = [expressions.number(ast.parse(text, mode="eval").body) for text in program.hoisted]
    return [Expressions(builder, compute).converted(each) for each in exact]
