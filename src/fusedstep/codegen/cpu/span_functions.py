"""Span functions: load, rule, store over a stretch of elements, as LLVM text.

``step(block, row, count, gradient)`` takes a step with ``count`` elements of every state, from the first element of
row ``row`` on, and as many of the gradient. Where the states lie, and the numbers that the rule's scalars come to, the
block says (``loops/cpu/block.py``).

``prepare(block)`` computes these numbers from the scalars, in float64, and rounds each once; it tells whether two of
the arrays may share memory. ``load_sum`` and ``add_to_sum`` take ``(sums, gradient, count)`` and need no rule.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from llvmlite import ir

from ...loops.cpu import block as layout
from ..program import Program
from ..storage import compute_type
from ..values import local
from . import conversions
from .elements import INTEGER, POINTER, VOID, counted, field_at, item_at, new_module, state_at
from .expressions import Expressions
from .scalars import numbers_of
from .symbols import plain
from .words import FLOATS, compare

STEP = ir.FunctionType(VOID, [POINTER, INTEGER, INTEGER, POINTER])
PREPARE = ir.FunctionType(INTEGER, [POINTER])
SUM = ir.FunctionType(VOID, [POINTER, POINTER, INTEGER])


@dataclass(frozen=True)
class SpanFunction:
    """A function as LLVM text.

    Attributes:
        name: what it is called there.
        text: the module that holds it.
    """

    name: str
    text: str


def step_function(program: Program, storages: Sequence[str], gradient: str | None, has_half: bool) -> SpanFunction:
    """A step of a rule without sums.

    Args:
        program: the rule.
        storages: the storage type of each state.
        gradient: the storage type of the gradient; None for a gradient of zero.
        has_half: whether the CPU converts float16.
    """
    name = f"{plain(program.signature.name)}_{gradient or 'zero'}"
    module, step = new_module(name, STEP, "block", "row", "count", "gradient")
    writer = StepWriter(program, tuple(storages), gradient, has_half)
    elements = writer.elements(module)
    block, row, count, stored = step.args
    builder = ir.IRBuilder(step.append_basic_block("entry"))
    states = [state_at(builder, block, row, k) for k in range(len(storages))]
    first = field_at(builder, block, layout.numbers_at(len(storages)))
    numbers = [
        builder.load(item_at(builder, first, writer.compute, INTEGER(k)), typ=FLOATS[writer.compute])
        for k in range(len(program.translation.hoisted))
    ]
    builder.call(elements, [*states, stored, count, *numbers])
    builder.ret_void()
    return SpanFunction(name, str(module))


@dataclass(frozen=True)
class StepWriter:
    """Writes the loop over the elements of a span.

    Attributes:
        program, storages, gradient, has_half: see ``step_function``.
    """

    program: Program
    storages: tuple[str, ...]
    gradient: str | None
    has_half: bool

    @property
    def compute(self) -> str:
        """The compute type."""
        return compute_type(self.storages[0])

    def elements(self, module: ir.Module) -> ir.Function:
        """The function that goes through the elements: states, gradient, count, numbers."""
        numbers = [FLOATS[self.compute]] * len(self.program.translation.hoisted)
        pointers = [POINTER] * (len(self.storages) + 1)
        function = ir.Function(module, ir.FunctionType(VOID, [*pointers, INTEGER, *numbers]), "elements")
        function.linkage = "internal"
        # A function of its own, since LLVM asks here what shares no memory. Nothing does within a span: states that
        # lie between each other's rows are stepped row by row, a gradient that meets a state is copied before.
        function.attributes.add("alwaysinline")
        names = [*(f"{state}_at" for state in self.program.signature.states), "gradient_at", "count"]
        names += [f"scalars_{k}" for k in range(len(numbers))]
        for argument, name in zip(function.args, names, strict=True):
            argument.name = name
        for argument in function.args[: len(pointers)]:
            argument.add_attribute("noalias")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        exponents = self.program.translation.exponents
        if exponents:
            # A loop of its own for roots: else the root and the power of every element are computed.
            with builder.if_else(self.all_roots(builder, function)) as (roots, powers):
                with roots:
                    self.loop(builder, function, roots=True)
                with powers:
                    self.loop(builder, function, roots=False)
        else:
            self.loop(builder, function, roots=False)
        builder.ret_void()
        return function

    def all_roots(self, builder: ir.IRBuilder, function: ir.Function) -> Any:
        """Whether every exponent is that of a root."""
        expressions = Expressions(builder, self.compute, numbers=self.numbers(function))
        found: Any = ir.Constant(ir.IntType(1), 1)
        for exponent in self.program.translation.exponents:
            value = expressions.value(ast.parse(exponent, mode="eval").body)
            found = builder.and_(found, compare(builder, "==", value, ir.Constant(value.type, 0.5)))
        return found

    def numbers(self, function: ir.Function) -> list[Any]:
        """The numbers that the scalars come to."""
        return list(function.args[len(self.storages) + 2 :])

    def loop(self, builder: ir.IRBuilder, function: ir.Function, roots: bool) -> None:
        """The new states of every element, computed and stored."""
        program, signature = self.program, self.program.signature
        states, gradient = function.args[: len(self.storages)], function.args[len(self.storages)]

        def body(i: Any) -> None:
            exponents = tuple(program.translation.exponents)
            expressions = Expressions(builder, self.compute, {}, self.numbers(function), roots, exponents)
            for name, storage, state in zip(signature.states, self.storages, states, strict=True):
                address = item_at(builder, state, storage, i)
                expressions.let(local(name), conversions.load(builder, storage, address, self.has_half))
            value = ir.Constant(FLOATS[self.compute], 0.0)
            if self.gradient:
                address = item_at(builder, gradient, self.gradient, i)
                value = conversions.load(builder, self.gradient, address, self.has_half)
            expressions.let(local(signature.gradient), value)
            for line in program.translation.lines:
                expressions.let(line.name, expressions.value(line.value.node))
            new = [expressions.number(result.node) for result in program.translation.results]
            for storage, state, value, changed in zip(self.storages, states, new, program.changed, strict=True):
                if changed:
                    conversions.store(builder, storage, value, item_at(builder, state, storage, i), self.has_half)

        counted(builder, function.args[len(self.storages) + 1], body)


def prepare_function(program: Program, compute: str) -> SpanFunction:
    """Computes what a rule needs of its scalars, once a call, and compares where its arrays lie."""
    name = f"{plain(program.signature.name)}_prepare"
    module, function = new_module(name, PREPARE, "block")
    builder, block, states = (
        ir.IRBuilder(function.append_basic_block("entry")),
        function.args[0],
        program.signature.states,
    )
    start = layout.scalars_at(len(states), len(program.translation.hoisted))
    fields = [field_at(builder, block, start + k) for k in range(len(program.signature.scalars))]
    scalars = [builder.load(field, typ=FLOATS["float64"]) for field in fields]
    numbers = field_at(builder, block, layout.numbers_at(len(states)))
    for k, number in enumerate(numbers_of(builder, program, scalars, compute)):
        builder.store(number, item_at(builder, numbers, compute, INTEGER(k)))
    builder.ret(builder.zext(may_overlap(builder, block, len(states)), INTEGER))
    return SpanFunction(name, str(module))


def sum_function(gradient: str, compute: str, add: bool, has_half: bool) -> SpanFunction:
    """Loads a row of the gradient into a sum, or adds it there."""
    name = f"{'add_to' if add else 'load'}_sum_{gradient}"
    module, function = new_module(name, SUM, "sums", "gradient", "count")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    sums, row, count = function.args
    sums.add_attribute("noalias")
    row.add_attribute("noalias")

    def body(i: Any) -> None:
        value = conversions.load(builder, gradient, item_at(builder, row, gradient, i), has_half)
        address = item_at(builder, sums, compute, i)
        if add:
            value = builder.fadd(conversions.load(builder, compute, address, has_half), value)
        conversions.store(builder, compute, value, address, has_half)

    counted(builder, count, body)
    builder.ret_void()
    return SpanFunction(name, str(module))


def may_overlap(builder: ir.IRBuilder, block: Any, states: int) -> Any:
    """Whether the stretches of memory of two arrays meet; what lies between rows counts."""
    places = [(layout.GRADIENT, layout.GRADIENT_BYTES)]
    for record in range(layout.STATES, layout.numbers_at(states), layout.RECORD):
        places.append((record + layout.ADDRESS, record + layout.BYTES))
    stretches = []
    for address, size in places:
        start, length = (builder.load(field_at(builder, block, field), typ=INTEGER) for field in (address, size))
        stretches.append((start, builder.add(start, length)))
    found: Any = ir.Constant(ir.IntType(1), 0)
    for (start, stop), (other_start, other_stop) in combinations(stretches, 2):
        before, behind = builder.icmp_unsigned("<", start, other_stop), builder.icmp_unsigned("<", other_start, stop)
        found = builder.or_(found, builder.and_(before, behind))
    return found
