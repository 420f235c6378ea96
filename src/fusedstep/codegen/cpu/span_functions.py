"""Span functions: load, rule, store over a stretch of elements, as LLVM text.

``step(block, row, count, gradient)`` steps ``count`` elements of every state, starting with the first element of
``row``, with as many elements of the gradient. The block holds the addresses of the states, and the numbers.

``prepare(block)`` computes the numbers from the scalars, in float64, and rounds each once; it returns whether two
arrays may share memory. ``load_sum`` and ``add_to_sum`` take ``(sums, gradient, count)`` and need no rule;
``load_weighted_sum`` and ``add_to_weighted_sum`` also take the address of the factor of the gradient.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

from llvmlite import ir

from ...loops.cpu import block as layout
from ..rule.program import Program
from . import conversions
from .elements import INTEGER, POINTER, VOID, counted, field_at, field_in, item_at, new_module, numbers_at, state_at
from .scalars import numbers_of
from .step_writer import StepWriter
from .symbols import plain
from .words import FLOATS

STEP = ir.FunctionType(VOID, [POINTER, INTEGER, INTEGER, POINTER])
PREPARE = ir.FunctionType(INTEGER, [POINTER])
SUM = ir.FunctionType(VOID, [POINTER, POINTER, INTEGER])
WEIGHTED_SUM = ir.FunctionType(VOID, [POINTER, POINTER, INTEGER, POINTER])


@dataclass(frozen=True)
class SpanFunction:
    """A function as LLVM text.

    Attributes:
        name: its name in the module.
        text: the text of the module.
    """

    name: str
    text: str


def step_function(writer: StepWriter) -> SpanFunction:
    """The step of a writer: a function of a block, a row, a count and a gradient."""
    module, function = new_module(writer.name, STEP, "block", "row", "count", "gradient")
    elements = writer.elements(module)
    block, row, count, stored = function.args
    builder, number = ir.IRBuilder(function.append_basic_block("entry")), len(writer.storages)
    rows = [field_in(builder, block, layout.MATRIX) if k in writer.program.by_column else row for k in range(number)]
    states = [state_at(builder, block, rows[k], k) for k in range(number)]
    start = numbers_at(builder, block)
    numbers = [
        builder.load(item_at(builder, start, writer.compute, INTEGER(k)), typ=FLOATS[writer.compute])
        for k in range(len(writer.program.hoisted))
    ]
    builder.call(elements, [*states, stored, block, row, count, *numbers])
    builder.ret_void()
    return SpanFunction(writer.name, str(module))


def flat_step_function() -> SpanFunction:
    """The step of a block of one row: a call from Python with four arguments costs twice as much."""
    name = "flat_step"
    module, function = new_module(name, ir.FunctionType(VOID, [POINTER]), "block")
    builder, (block,) = ir.IRBuilder(function.append_basic_block("entry")), function.args
    step, count, gradient = (field_in(builder, block, k) for k in (layout.STEP_STORED, layout.WIDTH, layout.GRADIENT))
    called = builder.inttoptr(step, STEP.as_pointer())
    builder.call(called, [block, INTEGER(0), count, builder.inttoptr(gradient, POINTER)])
    builder.ret_void()
    return SpanFunction(name, str(module))


def prepare_function(program: Program, compute: str) -> SpanFunction:
    """Compute the numbers of a call, and return whether two of its arrays may share memory."""
    name = f"{plain(program.signature.name)}_prepare"
    module, function = new_module(name, PREPARE, "block")
    builder, block, states = (
        ir.IRBuilder(function.append_basic_block("entry")),
        function.args[0],
        program.signature.states,
    )
    start = layout.scalars_at(len(states), len(program.hoisted))
    fields = [field_at(builder, block, start + k) for k in range(len(program.signature.scalars))]
    scalars = [builder.load(field, typ=FLOATS["float64"]) for field in fields]
    numbers = numbers_at(builder, block)
    for k, number in enumerate(numbers_of(builder, program, scalars, compute)):
        builder.store(number, item_at(builder, numbers, compute, INTEGER(k)))
    builder.ret(builder.zext(may_overlap(builder, block, len(states)), INTEGER))
    return SpanFunction(name, str(module))


def sum_function(gradient: str, compute: str, add: bool, has_half: bool, weighted: bool = False) -> SpanFunction:
    """Load a gradient row into a sum, or add it to the sum; multiplied by a factor in the compute type if weighted."""
    name = f"{'add_to' if add else 'load'}{'_weighted' if weighted else ''}_sum_{gradient}"
    kind, arguments = (WEIGHTED_SUM, ("weight",)) if weighted else (SUM, ())
    module, function = new_module(name, kind, "sums", "gradient", "count", *arguments)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    sums, row, count, *weights = function.args
    for argument in (sums, row, *weights):
        argument.add_attribute("noalias")
    factors = [conversions.load(builder, compute, address, has_half) for address in weights]

    def body(i: Any) -> None:
        value = conversions.load(builder, gradient, item_at(builder, row, gradient, i), has_half)
        address = item_at(builder, sums, compute, i)
        for factor in factors:
            value = builder.fmul(value, factor)
        if add:
            value = builder.fadd(conversions.load(builder, compute, address, has_half), value)
        conversions.store(builder, compute, value, address, has_half)

    counted(builder, count, body)
    builder.ret_void()
    return SpanFunction(name, str(module))


def may_overlap(builder: ir.IRBuilder, block: Any, states: int) -> Any:
    """Whether the memory of two arrays overlaps, including the gaps between rows."""
    places = [(layout.GRADIENT, layout.GRADIENT_BYTES)]
    for record in range(layout.STATES, layout.numbers_at(states), layout.RECORD):
        places.append((record + layout.ADDRESS, record + layout.BYTES))
    stretches = []
    for address, size in places:
        start, length = (field_in(builder, block, field) for field in (address, size))
        stretches.append((start, builder.add(start, length)))
    found: Any = ir.Constant(ir.IntType(1), 0)
    for (start, stop), (other_start, other_stop) in combinations(stretches, 2):
        before, behind = builder.icmp_unsigned("<", start, other_stop), builder.icmp_unsigned("<", other_start, stop)
        found = builder.or_(found, builder.and_(before, behind))
    return found
