"""The allowed difference between an operator's results and its rule's on NumPy arrays."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..codegen.rule.program import Program
from ..codegen.rule.values import local
from ..rules import words
from .reference import bits

# Words that libraries do not round correctly.
APPROXIMATE = ("word_exp", "word_log", "word_power", "word_tanh")
# Words that NumPy computes in the arrays' type even for scalars; kernels use float64.
IN_TYPE_OF_ARRAYS = ("word_clip", "word_divide_or_zero", "word_where")
# Words that do not define the sign of a zero.
UNSIGNED_ZEROS = {"maximum", "minimum"}
# The allowed difference of inexact results, in units in the last place of 1 + |before| + |exact|.
UNITS = 32
LAST_PLACE = {"float64": 2.0**-53, "float32": 2.0**-24}


def is_exact(program: Program, scalars: Mapping[str, float], compute: str) -> bool:
    """Return whether a rule's results equal NumPy's bit for bit, in a compute type and for some scalars.

    They do if the rule has no sums and only words that IEEE 754 defines completely: ``+ - * / % sqrt``, whole numbers,
    comparisons and selections. A power with exponent one half is a square root.
    """
    if program.reductions:
        return False
    of_scalars = [ast.parse(text, mode="eval").body for text in program.hoisted]
    for node in [*(line.value.node for line in program.lines), *(each.node for each in program.results)]:
        for call in calls(node, APPROXIMATE):
            if not is_root(call, of_scalars, scalars):
                return False
    otherwise = APPROXIMATE if compute == "float64" else IN_TYPE_OF_ARRAYS
    return not any(call for node in of_scalars for call in calls(node, otherwise))


def calls(node: ast.expr, names: tuple[str, ...]) -> Iterator[ast.Call]:
    """The calls of some words in an expression."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in names:
            yield each


def is_root(call: ast.Call, of_scalars: list[ast.expr], scalars: Mapping[str, float]) -> bool:
    """Return whether a call is a power whose exponent, the same for all elements, is one half."""
    match call.args[1:]:
        case [ast.Subscript(value=ast.Name(id="scalars"), slice=ast.Constant(value=int(number)))]:
            known: dict[str, Any] = {f"word_{name}": getattr(words, name) for name in words.__all__}
            known |= {local(name): value for name, value in scalars.items()}
            text = ast.unparse(of_scalars[number])
            return bool(eval(text, {"__builtins__": {}}, known) == 0.5)  # noqa: S307 - the rule's own expression
    return False


def differs(got: np.ndarray, expected: np.ndarray, signed_zeros: bool) -> np.ndarray:
    """Where the bits of two arrays differ; all NaNs are equal, and zeros of both signs unless ``signed_zeros``."""
    different: np.ndarray = bits(got) != bits(expected)
    return different if signed_zeros else different & ~((got == 0) & (expected == 0))


def is_far(got: np.ndarray, exact: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Where a result differs from the rule's in float64 by more than rounding."""
    place = LAST_PLACE["float64" if got.dtype == np.float64 else "float32"]
    value = got.astype(np.float64)
    with np.errstate(all="ignore"):
        slack = UNITS * place * (1 + np.abs(before.astype(np.float64)) + np.abs(exact))
        low, high = ((exact + each).astype(got.dtype).astype(np.float64) for each in (-slack, slack))
        within = np.where(np.isfinite(exact), (value >= low) & (value <= high), value == exact)
    far: np.ndarray = ~(within | (np.isnan(value) & np.isnan(exact)))
    return far
