"""The words of rules by the functions that stand for them, and the axes of what reductions return."""

import builtins
import math
from typing import Any

import numpy as np

from ...rules import words
from .axes import COLUMN, ELEMENT, MATRIX, ROW, TENSOR

WORDS: dict[Any, str] = {getattr(words, name): name for name in words.__all__}
for _library in (np, math, builtins):
    WORDS |= {getattr(_library, name): name for name in words.__all__ if hasattr(_library, name)}
WORDS |= {math.fabs: "abs", math.pow: "power"}

# The words that check the shape of annotated states in NumPy, with the axes of these states.
STATE_WORDS = {"per_row": ROW, "per_column": COLUMN}
WORDS |= {getattr(words, name): name for name in STATE_WORDS}

# The axes of the result of each reduction, by the axes of its argument.
REDUCED: dict[str, dict[int, int]] = {
    f"{along}_{word}": axes
    for along, axes in {
        "row": {ELEMENT: ROW},
        "column": {ELEMENT: COLUMN, ROW: MATRIX},
        "tensor": {ELEMENT: TENSOR, ROW: TENSOR},
    }.items()
    for word in ("sum", "mean", "max", "min")
}
# The words whose results are conditions.
CONDITIONS = {"isfinite", "isinf", "isnan"}
# The functions among them that return NumPy's truths, also of one number; those of ``math`` return Python's.
TRUTHS = {getattr(library, name) for library in (words, np) for name in CONDITIONS}
REMEDIES = {"row": "", "column": " or by row", "tensor": " or by row"}
