"""Whole operators on other processors: one static program, of loops and the span functions of many rules."""

import subprocess
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusedstep.codegen.cpu import compiler, loops
from fusedstep.codegen.cpu.build import SpanFunctions
from fusedstep.codegen.cpu.compiler import Processor
from fusedstep.codegen.cpu.span_functions import SpanFunction, prepare_function, step_function, sum_function
from fusedstep.codegen.cpu.step_writer import StepWriter
from fusedstep.codegen.cpu.targets import processor_of
from fusedstep.codegen.rule.program import Program
from fusedstep.codegen.rule.signature import read_signature
from fusedstep.codegen.rule.spec import program_of
from fusedstep.loops.cpu import block as layout
from fusedstep.loops.cpu import grouping
from fusedstep.storage import compute_type
from tests.exported_programs import ALL_TARGETS, Target

C_FILE = Path(__file__).with_suffix(".c")
KINDS = ("dense", "touched", "every")
# Of each loop the file that holds it.
GROUPING = ("group_rows", "cut_into_parts", "sort_rows")
LOOPS = ("dense_rows", "touched_rows", "every_row", "segment_sum", *GROUPING)
FUNCTIONS = {
    "prepare": "int64_t {}(int64_t *block);",
    "stored": "void {}(int64_t *block, int64_t row, int64_t count, void *gradient);",
    "summed": "void {}(int64_t *block, int64_t row, int64_t count, void *gradient);",
    "zero": "void {}(int64_t *block, int64_t row, int64_t count, void *gradient);",
    "load": "void {}(void *sums, void *gradient, int64_t count);",
    "add": "void {}(void *sums, void *gradient, int64_t count);",
}


@dataclass(frozen=True)
class Compiled:
    """A rule in one storage type, for a processor."""

    rule: Callable[..., Any]
    dtype: str

    @property
    def program(self) -> Program:
        """With its switches at their defaults."""
        return program_of(self.rule, tuple(sorted(read_signature(self.rule).switches.items())))

    @property
    def storages(self) -> tuple[str, ...]:
        return (self.dtype,) * len(self.program.signature.states)

    def functions(self, processor: Processor) -> dict[str, SpanFunction]:
        """All that loops call, by what they call it."""
        half = self.dtype == "float16" and compiler.has_half(processor)
        compute, program = compute_type(self.dtype), self.program

        def step(gradient: str | None) -> SpanFunction:
            return step_function(StepWriter(program, self.storages, gradient, half))

        return {
            "prepare": prepare_function(program, compute),
            "stored": step(self.dtype),
            "summed": step(compute),
            "zero": step(None),
            "load": sum_function(self.dtype, compute, False, half),
            "add": sum_function(self.dtype, compute, True, half),
        }

    def write(self, number: int, processor: Processor, folder: Path) -> dict[str, str]:
        """The object files; gives what each function is called."""
        symbols = {}
        for kind, function in self.functions(processor).items():
            symbols[kind] = f"{kind}_{number}"
            code = compiler.object_code(function.text, function.name, symbols[kind], processor)
            (folder / f"{symbols[kind]}.o").write_bytes(code)
        return symbols


@dataclass(frozen=True)
class Call:
    """A call of an operator.

    Attributes:
        compiled: its rule.
        scalars: by name.
        kind: which rows take the step.
        states: those that the rule uses, as whole tables.
        gradient, indices: of rows, or of the whole table.
        steps: how often the call is made.
        parts: in how many parts named rows take the step.
        width: how many elements at the beginning of a table's rows are stepped; 0 for all.
    """

    compiled: Compiled
    scalars: dict[str, float]
    kind: str
    states: Sequence[np.ndarray]
    gradient: np.ndarray
    indices: Sequence[int] = ()
    steps: int = 1
    parts: int = 1
    width: int = 0

    def written(self, number: int, target: Target) -> bytes:
        """What the program reads."""
        rows, row_stride = self.states[0].shape
        width = self.width or row_stride
        block = self.block(rows, width)
        sum_bytes = width * np.dtype(compute_type(self.compiled.dtype)).itemsize
        head = [number, KINDS.index(self.kind), rows, self.steps, self.parts, len(self.indices), len(block)]
        integers = [*head, self.gradient.nbytes, sum_bytes, *block]
        arrays = [np.array(integers, np.int64), *self.states, self.gradient, np.array(self.indices, np.int64)]
        return b"".join(map(target.bytes_of, arrays))

    def block(self, rows: int, width: int) -> "array[int]":
        """The block of the call, but for addresses."""
        program, dtype = self.compiled.program, self.compiled.dtype
        known = program.signature.defaults | self.scalars
        template = SpanFunctions(program, self.compiled.storages, dtype).template
        block = template.block([float(known[name]) for name in program.signature.scalars])
        for k, state in enumerate(self.states):
            record = layout.STATES + layout.RECORD * k
            block[record + layout.ROW_STRIDE] = state.shape[1] * state.itemsize
            block[record + layout.ROW_BYTES] = width * state.itemsize
            block[record + layout.BYTES] = state.nbytes
        block[layout.WIDTH], block[layout.UNBROKEN] = width, width == self.states[0].shape[1]
        block[layout.GRADIENT_ROW] = width * self.gradient.itemsize
        block[layout.GRADIENT_BYTES] = self.gradient.nbytes
        return block


def program(target: Target, rules: Sequence[Compiled], folder: Path) -> list[str]:
    """The program of some rules, and how it is run."""
    target.skip_unless_installed()
    processor = processor_of(target.triple)
    for name in LOOPS:
        (folder / f"{name}.o").write_bytes(loops.object_code(name, name, processor))
    symbols = [rule.write(number, processor, folder) for number, rule in enumerate(rules)]
    (folder / "rules.h").write_text(header(symbols))
    names = [*LOOPS, *(symbol for of_rule in symbols for symbol in of_rule.values())]
    return target.command(folder, str(C_FILE), *(f"{name}.o" for name in names))


def header(symbols: Iterable[dict[str, str]]) -> str:
    """What the program must know of blocks and of rules."""
    lines = ["#include <stdint.h>"]
    for module in (grouping, layout):
        for name, value in vars(module).items():
            if name.isupper() and isinstance(value, int):
                lines.append(f"#define {name} (INT64_C({value}))")
    for name in LOOPS:
        arguments, returns = loops.interface(name)
        lines.append(f"{'int64_t' if returns else 'void'} {name}({', '.join(['int64_t'] * arguments)});")
    table = list(symbols)
    lines += [FUNCTIONS[kind].format(symbol) for each in table for kind, symbol in each.items()]
    fields = [declared.format(f"(*{kind})") for kind, declared in FUNCTIONS.items()]
    lines += ["struct rule {", *fields, "};", "static const struct rule rules[] = {"]
    lines += [f"{{{', '.join(each[kind] for kind in FUNCTIONS)}}}," for each in table]
    return "\n".join([*lines, "};", ""])


def results(target: str, calls: Sequence[Call], folder: Path) -> list[list[np.ndarray]]:
    """The states after each call."""
    rules = list(dict.fromkeys(call.compiled for call in calls))
    machine = ALL_TARGETS[target]
    command = program(machine, rules, folder)
    read = b"".join(call.written(rules.index(call.compiled), machine) for call in calls)
    ended = subprocess.run(command, input=read, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found, offset = [], 0
    for call in calls:
        states = []
        for state in call.states:
            states.append(machine.array_from(ended.stdout, state, offset))
            offset += state.nbytes
        found.append(states)
    assert offset == len(ended.stdout)
    return found
