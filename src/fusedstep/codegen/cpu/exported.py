"""Functions for programs without Python: a step of all elements, with arrays and scalars as plain arguments.

``step(states, gradient, extents, scalars)`` takes the addresses of the states and of the gradient, which share no
memory, how many elements there are, and the scalars as float64, each argument by itself. A rule whose sums reach beyond
a row takes memory for them before the scalars, and comes with a second function, which says how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from ..program import BEYOND, ELEMENTWISE, Program, plan_of
from . import compiler
from .compiler import Processor
from .elements import INTEGER, NOWHERE, POINTER, VOID, counted, item_at
from .scalars import numbers_of
from .step_writer import StepWriter
from .words import FLOATS


def extents_of(program: Program) -> tuple[str, ...]:
    """The arguments that say how many elements there are."""
    plan = plan_of(program)
    if plan.matrices:
        return "matrices", "rows", "columns"
    return ("rows", "columns") if plan.by_row else ("count",)


@dataclass(frozen=True)
class Exported:
    """What an exported function is made for.

    Attributes:
        program: the rule.
        storages: the storage type of each state.
        gradient: the storage type of the gradient.
        symbol: what the function is called.
        processor: the processor.
    """

    program: Program
    storages: tuple[str, ...]
    gradient: str
    symbol: str
    processor: Processor

    @property
    def has_half(self) -> bool:
        """Whether float16 is converted by the CPU's own instructions."""
        return "float16" in (*self.storages, self.gradient) and compiler.has_half(self.processor)


@dataclass(frozen=True)
class Given:
    """The arguments of an exported function, and where its instructions are added."""

    builder: ir.IRBuilder
    states: Sequence[Any]
    gradient: Any
    extents: Sequence[Any]
    workspace: Sequence[Any]
    scalars: Sequence[Any]


def begun(module: ir.Module, exported: Exported) -> Given:
    """Begins the function."""
    program = exported.program
    pointers = [*(f"{state}_at" for state in program.signature.states), "gradient_at"]
    extents, workspace = extents_of(program), ["workspace"] if program.reach == BEYOND else []
    scalars = [f"{scalar}_given" for scalar in program.signature.scalars]
    kinds = [POINTER] * len(pointers) + [INTEGER] * len(extents) + [POINTER] * len(workspace)
    kind = ir.FunctionType(VOID, [*kinds, *[FLOATS["float64"]] * len(scalars)])
    function = ir.Function(module, kind, exported.symbol)
    function.attributes.add("nounwind")
    arguments = iter(function.args)
    for name, argument in zip([*pointers, *extents, *workspace, *scalars], function.args, strict=True):
        argument.name = name
    *states, gradient = [next(arguments) for _ in pointers]
    sizes, scratch = [next(arguments) for _ in extents], [next(arguments) for _ in workspace]
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    return Given(builder, states, gradient, sizes, scratch, list(arguments))


def step_text(exported: Exported) -> str:
    """A step of a rule whose sums reach no further than a row, as LLVM text."""
    program, module = exported.program, ir.Module(exported.symbol)
    writer = StepWriter(program, exported.storages, exported.gradient, exported.has_half)
    given = begun(module, exported)
    builder, elements = given.builder, writer.elements(module)
    numbers = numbers_of(builder, program, given.scalars, writer.compute)
    if program.reach == ELEMENTWISE:
        builder.call(elements, [*given.states, given.gradient, NOWHERE, INTEGER(0), *given.extents, *numbers])
    else:
        rows, columns = given.extents

        def body(row: Any) -> None:
            first = builder.mul(row, columns)
            starts = [
                item_at(builder, address, storage, row if kind == "row" else first)
                for address, storage, kind in zip(given.states, exported.storages, program.kinds, strict=True)
            ]
            gradient = item_at(builder, given.gradient, exported.gradient, first)
            builder.call(elements, [*starts, gradient, NOWHERE, row, columns, *numbers])

        with builder.if_then(builder.icmp_signed(">", columns, INTEGER(0))):
            counted(builder, rows, body)
    builder.ret_void()
    return str(module)


def texts_of(exported: Exported) -> list[str]:
    """All that the function is made of, as LLVM text."""
    if exported.program.reach == BEYOND:
        # Here, since only these rules need a loop, and Numba to compile it.
        from .exported_sums import texts

        return texts(exported)
    return [step_text(exported)]


def exported_code(exported: Exported) -> bytes:
    """The object file of the function."""
    called = [exported.symbol, workspace_symbol(exported.symbol)]
    return compiler.linked_code(called, *texts_of(exported), processor=exported.processor)


def workspace_symbol(symbol: str) -> str:
    """What the function is called that says how much memory a step takes."""
    return f"{symbol}_workspace"
