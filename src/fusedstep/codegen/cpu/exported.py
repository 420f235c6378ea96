"""Functions for programs without Python: a step of all elements, with arrays and scalars as plain arguments.

``step(states, gradient, count, scalars)`` takes the addresses of the states and of the gradient, which share no memory,
how many elements each has, and the scalars as float64, each argument by itself.
"""

from collections.abc import Sequence

from llvmlite import ir

from ..program import ELEMENTWISE, Program
from . import compiler
from .compiler import Processor
from .elements import INTEGER, NOWHERE, POINTER, VOID, new_module
from .scalars import numbers_of
from .span_functions import SpanFunction
from .step_writer import StepWriter
from .words import FLOATS


def exported_function(
    program: Program, storages: Sequence[str], gradient: str, symbol: str, has_half: bool
) -> SpanFunction:
    """A whole step of a rule without sums.

    Args:
        program: the rule.
        storages: the storage type of each state.
        gradient: the storage type of the gradient.
        symbol: what the function is called.
        has_half: whether the CPU converts float16.
    """
    scalars = program.signature.scalars
    pointers = [POINTER] * (len(storages) + 1)
    kind = ir.FunctionType(VOID, [*pointers, INTEGER, *[FLOATS["float64"]] * len(scalars)])
    called = [*(f"{state}_at" for state in program.signature.states), "gradient_at", "count"]
    module, step = new_module(symbol, kind, *called, *(f"{scalar}_given" for scalar in scalars))
    writer = StepWriter(program, tuple(storages), gradient, has_half)
    elements = writer.elements(module)
    builder = ir.IRBuilder(step.append_basic_block("entry"))
    numbers = numbers_of(builder, program, step.args[len(called) :], writer.compute)
    *addresses, count = step.args[: len(called)]
    builder.call(elements, [*addresses, NOWHERE, INTEGER(0), count, *numbers])
    builder.ret_void()
    return SpanFunction(symbol, str(module))


def exported_text(
    program: Program, storages: Sequence[str], gradient: str, symbol: str, processor: Processor
) -> SpanFunction:
    """The same for a processor.

    Raises:
        ValueError: the rule adds up.
    """
    if program.reach != ELEMENTWISE:
        raise ValueError(
            f"{program.signature.name} adds up rows or more, which functions for other programs cannot yet; "
            "export a rule that goes element by element"
        )
    has_half = "float16" in (*storages, gradient) and compiler.has_half(processor)
    return exported_function(program, storages, gradient, symbol, has_half)


def exported_code(program: Program, storages: Sequence[str], gradient: str, symbol: str, processor: Processor) -> bytes:
    """The object file of the function."""
    text = exported_text(program, storages, gradient, symbol, processor).text
    return compiler.object_code(text, symbol, symbol, processor)
