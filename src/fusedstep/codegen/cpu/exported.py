"""Functions for programs without Python: a step of all elements, with arrays and scalars as plain arguments."""

from typing import Any

from llvmlite import ir

from ..rule.program import ReductionScope
from . import compiler, exported_sums
from .elements import INTEGER, NOWHERE, counted, item_at
from .exported_arguments import Exported, begun, workspace_symbol
from .scalars import numbers_of
from .step_writer import StepWriter


def step_text(exported: Exported) -> str:
    """A step of a rule whose sums reach no further than a row, as LLVM text."""
    program, module = exported.program, ir.Module(exported.symbol)
    writer = StepWriter(program, exported.storages, exported.gradient, exported.has_half)
    given = begun(module, exported)
    builder, elements = given.builder, writer.elements(module)
    numbers = numbers_of(builder, program, given.scalars, writer.compute)
    if program.reduction_scope == ReductionScope.ELEMENT:
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
    if exported.program.reduction_scope == ReductionScope.TENSOR:
        return exported_sums.texts(exported)
    return [step_text(exported)]


def exported_code(exported: Exported) -> bytes:
    """The object file of the function."""
    called = [exported.symbol, workspace_symbol(exported.symbol)]
    return compiler.linked_code(called, *texts_of(exported), processor=exported.processor)
