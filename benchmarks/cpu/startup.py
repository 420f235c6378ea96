"""The time before the first step."""

from pathlib import Path

from fusedstep.bench.libraries.data import Size
from fusedstep.bench.works import Contender, Library, Work

FILES = Path(__file__).parent.parent / "peers"
STARTUP = Library("startup", "fusedstep", "numba", FILES / "startup.py", peer=False)
COMPILED = Library("torch.compile", "torch.compile", "torch", FILES / "torch_compile.py")
OPTAX = Library("optax", "optax", "optax", FILES / "optax_adam.py")
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
            Contender("dense Adam, torch.compile", COMPILED, "first_compiled_step"),
            Contender("dense Adam, jax.jit of optax", OPTAX, "first_compiled_step"),
        ),
    ),
]
