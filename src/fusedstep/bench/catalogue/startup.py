"""What users wait for before the first step."""

from ..contenders.tables import Size
from ..works import Contender, Work

TINY = Size(8, 4, 2, law="uniform")

WORKS = [
    Work(
        "span-functions",
        "Machine code for two steps of the next rule",
        TINY,
        tuple(
            Contender(f"fusedstep {dtype}", "startup", "span_functions", {"dtype": dtype})
            for dtype in ("float32", "float16", "bfloat16")
        ),
    ),
    Work(
        "further-rule",
        "The first call of the next rule in a process",
        TINY,
        (Contender("fusedstep", "startup", "further_rule"),),
    ),
    Work(
        "first-call",
        "A process that imports and calls once",
        TINY,
        (
            Contender("FusedSparseAdam", "startup", "process", {"operator": "FusedSparseAdam"}),
            Contender("FusedSparseLazyAdam", "startup", "process", {"operator": "FusedSparseLazyAdam"}),
            Contender("import numpy alone", "startup", "process"),
        ),
    ),
    Work(
        "first-call-ever",
        "The same with an empty cache",
        TINY,
        (
            Contender("FusedSparseAdam", "startup", "empty_cache", {"operator": "FusedSparseAdam"}),
            Contender("dense Adam, torch.compile", "torch", "first_compiled_step"),
            Contender("dense Adam, jax.jit of optax", "optax", "first_compiled_step"),
        ),
    ),
]
