"""What a rule cannot say, with the remedy."""

import ast
import builtins
from typing import Any

import numpy as np

GENERAL = "use + - * / ** %, comparisons, & | ~, and the words of fusedstep.words"
ELEMENT = "a rule sees one element, as a number"
METHODS = "methods of arrays are not supported; use words, such as row_sum or tensor_sum"
EXPRESSIONS: dict[type[ast.expr], str] = {
    ast.JoinedStr: "a rule computes with numbers, not with strings",
    ast.Lambda: "define a helper with def, outside of the rule",
    ast.NamedExpr: "assign the name on a line of its own",
    ast.Tuple: "expected one number here, not several",
    ast.List: "expected one number here, not several",
    ast.Dict: "expected a number",
    ast.Set: "expected a number",
    ast.ListComp: "write the terms out, or add them up in a for over a constant range",
    ast.SetComp: "write the terms out, or add them up in a for over a constant range",
    ast.DictComp: "write the terms out, or add them up in a for over a constant range",
    ast.GeneratorExp: "write the terms out, or add them up in a for over a constant range",
    ast.Subscript: f"{ELEMENT}, which has no items; reduce rows, columns or the tensor with words",
    ast.Starred: "pass the arguments one by one",
    ast.Await: "a rule cannot wait",
    ast.Yield: "return the new states instead",
    ast.YieldFrom: "return the new states instead",
}

SUMS = "use row_sum(x), column_sum(x) or tensor_sum(x), or their means"
NAMES = {
    "sum": SUMS,
    "mean": SUMS,
    "average": SUMS,
    "norm": "write sqrt(tensor_sum(x * x)), or by row sqrt(row_sum(x * x))",
    "dot": "write tensor_sum(x * y), or by row row_sum(x * y)",
    "max": "for two values write maximum(x, y), by row row_max(x)",
    "min": "for two values write minimum(x, y), by row row_min(x)",
    "square": "write x * x",
    "reciprocal": "write 1 / x",
    "zeros_like": "write 0",
    "ones_like": "write 1",
    "full_like": "write the number",
    "print": "call the rule plainly, on NumPy arrays, to look at its values",
    "float": "leave it out: numbers are converted",
    "int": "leave it out: numbers are converted",
    "bool": "leave it out, or write x != 0",
    "len": f"{ELEMENT}; pass sizes as scalars",
}


def advice(node: ast.expr) -> str:
    """Why an expression is refused, and what to write instead."""
    if isinstance(node, ast.Constant):
        return "it is not a number"
    return EXPRESSIONS.get(type(node), GENERAL)


def advice_for(function: Any) -> str:
    """What to write instead of a function that is no word; empty if nothing is known."""
    name = getattr(function, "__name__", "")
    own = getattr(np, name, None) is function or getattr(builtins, name, None) is function
    own = own or getattr(np.linalg, name, None) is function
    return f"; {NAMES[name]}" if own and name in NAMES else ""
