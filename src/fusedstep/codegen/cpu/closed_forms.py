"""The span function of a closed form: a row takes all its pending steps at once, as LLVM text.

``closed_form(block, row, kept, moved, asks)`` evaluates the closed form with the totals since step ``kept``, those that
move the variable since step ``moved``. What it computes of them alone is computed once a row, in float64, and rounded
once. It tells whether it did so: where it ``asks``, it leaves rows alone of which it does not serve every element.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ...loops.cpu import block as layout
from ...rules.idle import ClosedForm
from ..rule.program import Program
from ..rule.values import Value
from .elements import INTEGER, NOWHERE, POINTER, counted, field_in, item_at, new_module, state_at
from .scalars import numbers_of
from .span_functions import SpanFunction
from .step_writer import Span, StepWriter
from .symbols import plain
from .words import FLOATS

CLOSED_FORM = ir.FunctionType(INTEGER, [POINTER, INTEGER, INTEGER, INTEGER, INTEGER])
TRUTH = ir.IntType(1)


def closed_form_function(idle: ClosedForm, program: Program, storages: Sequence[str], has_half: bool) -> SpanFunction:
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
    count = field_in(builder, block, layout.WIDTH)
    numbers = numbers_of(builder, program, pending_totals(builder, block, idle, kept, moved), writer.compute)
    condition = program.condition
    if condition:
        served = builder.alloca(TRUTH, name="served")
        with builder.if_then(builder.icmp_signed("!=", asks, INTEGER(0))):
            test(writer, condition, Span(builder, block, row, states, NOWHERE, count, numbers), served)
            with builder.if_then(builder.not_(builder.load(served, typ=TRUTH))):
                builder.ret(INTEGER(0))
    builder.call(elements, [*states, NOWHERE, block, row, count, *numbers])
    builder.ret(INTEGER(1))
    return SpanFunction(name, str(module))


def pending_totals(builder: ir.IRBuilder, block: Any, idle: ClosedForm, kept: Any, moved: Any) -> list[Any]:
    """The totals since some steps, and the scalars that the closed form takes beside them."""
    start = field_in(builder, block, layout.PENDING)
    pending = builder.inttoptr(start, POINTER)
    totals, stride, held = (
        field_in(builder, pending, field) for field in (layout.TOTALS, layout.TOTALS_ROW, layout.HELD)
    )
    steps = [kept] * len(idle.kept_totals) + [moved] * len(idle.moved_totals)
    rows = [builder.inttoptr(builder.add(totals, builder.mul(INTEGER(k), stride)), POINTER) for k in range(len(steps))]
    places = [item_at(builder, row, "float64", step) for row, step in zip(rows, steps, strict=True)]
    scalars = builder.inttoptr(held, POINTER)
    places += [item_at(builder, scalars, "float64", INTEGER(k)) for k in range(len(idle.held))]
    return [builder.load(place, typ=FLOATS["float64"]) for place in places]


def test(writer: StepWriter, condition: Value, span: Span, served: Any) -> None:
    """Sets ``served`` to whether the closed form serves every element."""
    builder = span.builder
    builder.store(TRUTH(1), served)

    def body(i: Any) -> None:
        serves = writer.element(span, writer.row(span), i, 0).value(condition.node)
        builder.store(builder.and_(builder.load(served, typ=TRUTH), serves), served)

    counted(builder, span.count, body)
