"""The time before the first step: machine code, first calls, and processes with and without a cache."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from libraries.data import Size
from libraries.steps import Step

import fusedstep as fs
from fusedstep.codegen.cpu import compiler
from fusedstep.codegen.cpu.build import SpanFunctions
from fusedstep.codegen.rule.program import ReductionScope

VERSION = fs.__version__
# In the worker's folder, which is deleted with it.
CACHE, EMPTY = "cache", "empty_cache"

CALL = """
import numpy as np, fusedstep as fs
states = [np.ones((8, 4), np.float32) for _ in range(3)]
scalars = (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)
fs.ops.{operator}()(*states, *scalars, np.ones((2, 4), np.float32), np.array([1, 1]))
"""
NUMPY = "import numpy"


def begin(threads: int) -> None:
    os.environ["FUSEDSTEP_CACHE_DIR"] = str(Path(CACHE).resolve())
    compiler.host()


def rules() -> list[Any]:
    """The rules without sums."""
    found = [getattr(fs.rules, name) for name in fs.rules.__all__]
    return [rule for rule in found if fs.Operator(rule).spec.reduction_scope == ReductionScope.ELEMENT]


def span_functions(size: Size, dtype: str) -> list[Step]:
    """Compile a rule's step, and its step with a zero gradient; the next rule each time."""
    return [Step(partial(compile_rule, rule, dtype)) for rule in rules()]


def compile_rule(rule: Any, dtype: str) -> None:
    """Compile both, without the cache."""
    program = fs.Operator(rule).spec.program
    functions = SpanFunctions(program, (dtype,) * len(program.signature.states), dtype)
    for gradient in (dtype, None):
        function = functions.text("step", gradient)
        compiler.object_code(function.text, function.name, "symbol")


def further_rule(size: Size) -> list[Step]:
    """The first call of the next rule, in a process that has called another one."""
    call_of(fs.rules.gradient_descent)()
    return [Step(call_of(rule)) for rule in rules()]


def call_of(rule: Any) -> Callable[[], Any]:
    """A call of a rule on a few rows."""
    operator = fs.Operator(rule)
    signature = operator.signature
    states = [np.ones((8, 4), np.float32) for _ in signature.states]
    scalars: dict[str, Any] = dict.fromkeys(signature.scalars, 0.5) | signature.defaults
    return partial(operator, *states, np.ones((2, 4), np.float32), np.array([1, 1]), **scalars)


def process(size: Size, operator: str = "") -> list[Step]:
    """A process that imports fusedstep and calls once; without an operator, one that imports NumPy."""
    return [Step(run(CALL.format(operator=operator) if operator else NUMPY))]


def empty_cache(size: Size, operator: str) -> list[Step]:
    """A process with an empty cache."""
    folder = Path(EMPTY).resolve()
    step = run(CALL.format(operator=operator), FUSEDSTEP_CACHE_DIR=str(folder))
    return [Step(step, partial(shutil.rmtree, folder, ignore_errors=True))]


def run(program: str, **environment: str) -> Callable[[], Any]:
    """Run a program in a new process."""
    command = [sys.executable, "-c", program]
    return partial(subprocess.run, command, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)
