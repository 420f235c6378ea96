"""The time before the first step."""

from ..libraries.data import Size
from ..works import Contender, Work
from .contenders import STARTUP, TORCH

TINY = Size(8, 4, 2, law="uniform")


def process(call: str, operator: str) -> Contender:
    """A process whose first call is of an operator."""
    return Contender(operator, STARTUP, call, {"operator": operator})


WORKS = [
    Work(
        "span-functions",
        "Machine code for two steps of the next rule",
        TINY,
        tuple(
            Contender(f"fusedstep {dtype}", STARTUP, "span_functions", {"dtype": dtype})
            for dtype in ("float32", "float16", "bfloat16")
        ),
    ),
    Work(
        "further-rule",
        "The first call of the next rule in a process",
        TINY,
        (Contender("fusedstep", STARTUP, "further_rule"),),
    ),
    Work(
        "first-call",
        "A process that imports and calls once",
        TINY,
        (
            process("process", "FusedSparseAdam"),
            process("process", "FusedSparseLazyAdam"),
            Contender("import numpy alone", STARTUP, "process"),
        ),
    ),
    Work(
        "first-call-ever",
        "The same with an empty cache",
        TINY,
        (
            process("empty_cache", "FusedSparseAdam"),
            Contender("dense Adam, torch.compile", TORCH, "first_compiled_step"),
        ),
    ),
]
