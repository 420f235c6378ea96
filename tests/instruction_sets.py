"""What kernels compute, as digests of every bit, on the instruction set that ``NUMBA_CPU_NAME`` names.

``python -m tests.instruction_sets [NAME ...]`` prints them for rules of exact words, by rule, storage type and loop:
for all of them unless some are named. Inputs are made of whole numbers alone: no library's rounding is in them.
"""

import hashlib
import json
import sys
from collections.abc import Iterator

import numpy as np

import fusedstep as fs
from fusedstep.runtime.cpu import parts
from tests import reference
from tests.rules.test_rules import LOOPS, RULES, Row, momentum

ROWS, WIDTH, STEPS = 41, 7, 2
EXACT = {row.rule.__name__: row for row in RULES if not row.inexact and row.rule is not momentum}


def spread(count: int, seed: int) -> np.ndarray:
    """Numbers from -4 to 4 in every place, some of them tiny, which float64 holds exactly."""
    places = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(seed * 40503)
    whole = (places % np.uint64(2**32)).astype(np.int64) - 2**31
    return whole * np.where(places % np.uint64(13) == 0, 2.0**-160, 2.0**-29)


def cases() -> Iterator[tuple[str, Row, str, str]]:
    for name, row in EXACT.items():
        for dtype in reference.DTYPES:
            for loop in LOOPS:
                yield f"{name}-{dtype}-{loop}", row, dtype, loop


def arrays(row: Row, dtype: str) -> tuple[list[np.ndarray], np.ndarray]:
    """The states and the gradient."""
    states = [spread(ROWS * WIDTH, seed).reshape(ROWS, WIDTH) for seed in range(len(row.states))]
    states = [np.abs(state) if name in row.positive else state for name, state in zip(row.states, states, strict=True)]
    kind = reference.DTYPES[dtype]
    return [state.astype(kind) for state in states], spread(ROWS * WIDTH, 9).reshape(ROWS, WIDTH).astype(kind)


def indices_for(loop: str) -> np.ndarray | None:
    """Rows with duplicates, some of them named by nobody."""
    return None if loop == "dense" else np.arange(ROWS) ** 2 % 29


def digest_of(states: list[np.ndarray]) -> str:
    """The bits of all states."""
    return hashlib.sha256(b"".join(reference.bits(state).tobytes() for state in states)).hexdigest()[:16]


def digest(row: Row, dtype: str, loop: str) -> str:
    """The bits of the states after so many steps, which are the same for any number of threads."""
    found = set()
    for threads in (1, 3):
        fs.set_num_threads(threads)
        given, grad = arrays(row, dtype)
        for _ in range(STEPS):
            fs.Operator(row.rule)(*given, grad, indices_for(loop), rows=LOOPS[loop] or "touched", **row.scalars)
        found.add(digest_of(given))
    (only,) = found
    return only


def main(names: list[str]) -> None:
    parts.ELEMENTS_PER_THREAD, parts.ELEMENTS_PER_PART = 1, 30
    with np.errstate(over="ignore"):
        print(json.dumps({name: digest(*case) for name, *case in cases() if not names or name in names}, indent=0))


if __name__ == "__main__":
    main(sys.argv[1:])
