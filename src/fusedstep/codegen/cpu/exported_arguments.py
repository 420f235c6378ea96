"""What an exported function is compiled for, and its arguments.

They are the addresses of the states and of the gradient, which share no memory; how many elements there are; and the
rule's scalars as float64, each by itself. A rule whose sums reach beyond a row takes memory for them before the
scalars, and comes with a second function, which says how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from ..rule.program import Program, ReductionScope
from . import compiler
from .compiler import Processor
from .elements import INTEGER, POINTER, VOID
from .words import FLOATS


def extents_of(program: Program) -> tuple[str, ...]:
    """The arguments that count the elements."""
    if program.matrices:
        return "matrices", "rows", "columns"
    return ("rows", "columns") if program.sees_rows else ("count",)


@dataclass(frozen=True)
class Exported:
    """What an exported function is compiled for.

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
        """Return whether the CPU's own instructions convert float16."""
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
    extents, workspace = extents_of(program), ["workspace"] if program.reduction_scope == ReductionScope.TENSOR else []
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


def workspace_symbol(symbol: str) -> str:
    """The name of the function that returns how much memory a step takes."""
    return f"{symbol}_workspace"
