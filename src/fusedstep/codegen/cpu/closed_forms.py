"""The span function of a closed form: a row takes all steps that it has slept through at once, as LLVM text.

``closed_form(block, row, kept, moved, asks)`` evaluates the closed form with the totals since step ``kept``, those that
move the variable since step ``moved``. What it computes of them alone is computed once a row, in float64, and rounded
once. It tells whether it did so: where it ``asks``, it leaves rows alone of which it does not serve every element.
"""

import ast
from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ...loops.cpu import block as layout
from ...rules.idle import Idle
from ..program import Program
from ..values import Value, local
from . import conversions
from .elements import INTEGER, POINTER, counted, field_at, item_at, new_module, state_at
from .expressions import Expressions
from .span_functions import SpanFunction, StepWriter
from .symbols import plain
from .words import FLOATS

CLOSED_FORM = ir.FunctionType(INTEGER, [POINTER, INTEGER, INTEGER, INTEGER, INTEGER])
TRUTH = ir.IntType(1)


def closed_form_function(idle: Idle, program: Program, storages: Sequence[str], has_half: bool) -> SpanFunction:
    """A closed form.

    Args:
        idle: the closed form.
        program: the same, translated.
        storages: the storage type of each state.
        has_half: whether the CPU converts float16.
    """
    name = plain(program.signature.name)
    module, function = new_module(name, CLOSED_FORM, "block", "row", "kept", "moved", "asks")
    writer = StepWriter(program, tuple(storages), None, has_half)
    elements = writer.elements(module)
    block, row, kept, moved, asks = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    states = [state_at(builder, block, row, k) for k in range(len(storages))]
    count = builder.load(field_at(builder, block, layout.WIDTH), typ=INTEGER)
    numbers = numbers_of(builder, idle, writer, slept_through(builder, block, idle, kept, moved))
    condition = program.translation.condition
    if condition:
        served = builder.alloca(TRUTH, name="served")
        with builder.if_then(builder.icmp_signed("!=", asks, INTEGER(0))):
            test(builder, writer, condition, states, count, numbers, served)
            with builder.if_then(builder.not_(builder.load(served, typ=TRUTH))):
                builder.ret(INTEGER(0))
    builder.call(elements, [*states, block, count, *numbers])
    builder.ret(INTEGER(1))
    return SpanFunction(name, str(module))


def slept_through(builder: ir.IRBuilder, block: Any, idle: Idle, kept: Any, moved: Any) -> list[Any]:
    """The totals since some steps, and the scalars that the closed form takes beside them."""
    start = builder.load(field_at(builder, block, layout.SLEPT), typ=INTEGER)
    slept = builder.inttoptr(start, POINTER)
    totals, stride, held = (
        builder.load(field_at(builder, slept, field), typ=INTEGER)
        for field in (layout.TOTALS, layout.TOTALS_ROW, layout.HELD)
    )
    steps = [kept] * len(idle.kept_totals) + [moved] * len(idle.moved_totals)
    rows = [builder.inttoptr(builder.add(totals, builder.mul(INTEGER(k), stride)), POINTER) for k in range(len(steps))]
    places = [item_at(builder, row, "float64", step) for row, step in zip(rows, steps, strict=True)]
    scalars = builder.inttoptr(held, POINTER)
    places += [item_at(builder, scalars, "float64", INTEGER(k)) for k in range(len(idle.held))]
    return [builder.load(place, typ=FLOATS["float64"]) for place in places]


def numbers_of(builder: ir.IRBuilder, idle: Idle, writer: StepWriter, values: Sequence[Any]) -> list[Any]:
    """What is computed of totals alone."""
    expressions = Expressions(builder, "float64")
    for name, value in zip(writer.program.signature.scalars, values, strict=True):
        expressions.let(local(name), value)
    numbers = [expressions.number(ast.parse(text, mode="eval").body) for text in writer.program.translation.hoisted]
    kind = FLOATS[writer.compute]
    return [builder.fptrunc(number, kind) if number.type != kind else number for number in numbers]


def test(
    builder: ir.IRBuilder,
    writer: StepWriter,
    condition: Value,
    states: Sequence[Any],
    count: Any,
    numbers: list[Any],
    served: Any,
) -> None:
    """Sets ``served`` to whether the closed form serves every element."""
    program = writer.program
    builder.store(TRUTH(1), served)

    def body(i: Any) -> None:
        expressions = Expressions(builder, writer.compute, {}, numbers)
        for name, storage, state in zip(program.signature.states, writer.storages, states, strict=True):
            value = conversions.load(builder, storage, item_at(builder, state, storage, i), writer.has_half)
            expressions.let(local(name), value)
        for line in program.translation.lines:
            expressions.let(line.name, expressions.value(line.value.node))
        both = builder.and_(builder.load(served, typ=TRUTH), expressions.value(condition.node))
        builder.store(both, served)

    counted(builder, count, body)
