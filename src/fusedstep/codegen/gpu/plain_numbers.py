"""The numbers of a step by Python's own floats, which give NumPy's bits for some operations in less time."""

import ast
import math
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from ..module_loader import execute

WORDS = {"word_sqrt": math.sqrt, "word_abs": abs}
# Operations that round as NumPy's do. Where these return infinity or NaN, Python's raise.
EXACT = (
    *(ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Tuple, ast.Load, ast.Expr, ast.Constant),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UnaryOp, ast.USub, ast.Call, ast.Name),
)
RAISED = (ZeroDivisionError, ValueError, OverflowError)


def plain_numbers(text: str, compute: str) -> Callable[[Sequence[float]], list[float] | None] | None:
    """The function that evaluates numbers, rounded once to the compute type; it returns None where NumPy must.

    None for a text with other operations than those.
    """
    nodes = list(ast.walk(ast.parse(text)))
    calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    if not all(isinstance(node, EXACT) for node in nodes) or not calls <= WORDS.keys():
        return None
    module = execute(f"{text}\n# Of Python's floats.\n")
    vars(module).update(WORDS)
    evaluate: Callable[..., Any] = module.numbers

    def numbers(scalars: Sequence[float]) -> list[float] | None:
        try:
            found = evaluate(*scalars)
        except RAISED:
            return None
        return array("f", found).tolist() if compute == "float32" else list(found)

    return numbers
