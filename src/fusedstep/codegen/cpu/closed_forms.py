"""The span function of a closed form: a row takes all its pending steps at once, as LLVM text.

``closed_form(block, row, kept, moved, checked)`` evaluates the closed form with the kept totals since step ``kept`` and
the moved totals since step ``moved``. Expressions of totals only are evaluated once per row, in float64, and rounded
once. It returns whether the row has changed: with ``checked``, it changes no row in which the closed form is invalid
for an element.
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


def closed_form_function(
    closed_form: ClosedForm, program: Program, storages: Sequence[str], has_half: bool
) -> SpanFunction:
    """The span function of a closed form.

    Args:
        closed_form: the closed form.
        program: its program.
        storages: the storage type of each state.
        has_half: whether the CPU converts float16.
    """
    name = plain(program.signature.name)
    module, function = new_module(name, CLOSED_FORM, "block", "row", "kept", "moved", "checked")
    writer = StepWriter(program, tuple(storages), None, has_half)
    elements = writer.elements(module)
    block, row, kept, moved, checked = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    states = [state_at(builder, block, row, k) for k in range(len(storages))]
    count = field_in(builder, block, layout.WIDTH)
    numbers = numbers_of(builder, program, pending_totals(builder, block, closed_form, kept, moved), writer.compute)
    condition = program.condition
    if condition:
        valid = builder.alloca(TRUTH, name="valid")
        with builder.if_then(builder.icmp_signed("!=", checked, INTEGER(0))):
            test(writer, condition, Span(builder, block, row, states, NOWHERE, count, numbers), valid)
            with builder.if_then(builder.not_(builder.load(valid, typ=TRUTH))):
                builder.ret(INTEGER(0))
    builder.call(elements, [*states, NOWHERE, block, row, count, *numbers])
    builder.ret(INTEGER(1))
    return SpanFunction(name, str(module))


def pending_totals(builder: ir.IRBuilder, block: Any, closed_form: ClosedForm, kept: Any, moved: Any) -> list[Any]:
    """The totals since some steps, and the scalars that the closed form also takes."""
    start = field_in(builder, block, layout.PENDING)
    pending = builder.inttoptr(start, POINTER)
    totals, stride, held = (
        field_in(builder, pending, field) for field in (layout.TOTALS, layout.TOTALS_ROW, layout.HELD)
    )
    steps = [kept] * len(closed_form.kept_totals) + [moved] * len(closed_form.moved_totals)
    rows = [builder.inttoptr(builder.add(totals, builder.mul(INTEGER(k), stride)), POINTER) for k in range(len(steps))]
    places = [item_at(builder, row, "float64", step) for row, step in zip(rows, steps, strict=True)]
    scalars = builder.inttoptr(held, POINTER)
    places += [item_at(builder, scalars, "float64", INTEGER(k)) for k in range(len(closed_form.held))]
    return [builder.load(place, typ=FLOATS["float64"]) for place in places]


def test(writer: StepWriter, condition: Value, span: Span, valid: Any) -> None:
    """Store in ``valid`` whether the closed form is valid for every element."""
    builder = span.builder
    builder.store(TRUTH(1), valid)

    def body(i: Any) -> None:
        here = writer.element(span, writer.row(span), i, 0).value(condition.node)
        builder.store(builder.and_(builder.load(valid, typ=TRUTH), here), valid)

    counted(builder, span.count, body)
