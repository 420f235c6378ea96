"""Times how long span functions take to become machine code: CPU time on one core, nothing read or kept on disk.

    python benchmarks/compile_times.py [--dtype TYPE ...]

Each figure is of one function of one rule, written as LLVM text, optimised and assembled; the least of three.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import llvmlite

import fusedstep as fs
from fusedstep.codegen.cpu import compiler
from fusedstep.codegen.cpu.build import SpanFunctions
from fusedstep.codegen.rule.program import ReductionScope
from fusedstep.storage import STORAGES

REPEATS = 3
HALF = "float16", "bfloat16"


def asked_for(dtype: str) -> Iterator[tuple[str, str, Any, Any]]:
    """What is compiled: a kind of function, the rule, and the function's key."""
    for name in fs.rules.__all__:
        operator = fs.Operator(getattr(fs.rules, name))
        program = operator.spec.program
        make = partial(SpanFunctions, program, (dtype,) * len(program.signature.states), dtype)
        reach, closed = operator.spec.reduction_scope, operator.closed_form
        if reach == ReductionScope.ELEMENT:
            yield "a step", name, make(), ("step", dtype)
        if reach <= ReductionScope.ROW:
            yield "a step with a gradient of zero, which replay takes", name, make(), ("step", None)
        if reach == ReductionScope.ROW:
            yield "a step with sums over rows", name, make(), ("step", dtype)
        if reach <= ReductionScope.ROW and dtype in HALF:
            yield "a step that rounds stochastically", name, make(stochastic=True), ("step", dtype)
        if closed:
            yield "a closed form", name, make(), ("closed_form", (closed, operator.switches))
        if reach > ReductionScope.ROW:
            for stage in range(operator.spec.program.stages):
                yield "a stage of a rule with sums beyond rows", name, make(), ("stage", stage)


def seconds(functions: Any, key: Any) -> float:
    """CPU time until the object file is there."""
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        function = functions.text(*key)
        compiler.object_code(function.text, function.name, "symbol")
        taken.append(time.process_time() - began)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description="Times how long span functions take to compile.")
    parser.add_argument("--dtype", nargs="+", choices=STORAGES, default=["float32", "bfloat16"], metavar="TYPE")
    options = parser.parse_args()
    made_by = f"Python {platform.python_version()}, llvmlite {llvmlite.__version__}, fusedstep {fs.__version__}"
    print(f"{compiler.host().name}, {made_by}")
    print("ms of CPU time: number of functions, median, longest")
    for dtype in options.dtype:
        found: dict[str, list[tuple[float, str]]] = {}
        for kind, rule, functions, key in asked_for(dtype):
            found.setdefault(kind, []).append((1000 * seconds(functions, key), rule))
        for kind, each in found.items():
            longest, rule = max(each)
            median = statistics.median(taken for taken, _ in each)
            print(f"{dtype:9} {kind:50} {len(each):3} {median:6.1f} {longest:6.1f} ({rule})")


if __name__ == "__main__":
    main()
