"""The step of a span as LLVM instructions: load, rule, store."""

import ast
from dataclasses import dataclass, replace
from typing import Any

from llvmlite import ir

from ...loops.cpu import block as layout
from ...storage import compute_type
from ..rule.axes import COLUMNS
from ..rule.program import Program
from ..rule.values import Reduction, local
from . import conversions
from .elements import INTEGER, POINTER, VOID, counted, field_in, item_at
from .expressions import Expressions
from .row_sums import reduced, result_of, terms_of
from .stochastic import STOCHASTIC, random
from .symbols import plain
from .words import FLOATS, compare


@dataclass(frozen=True)
class Span:
    """The arguments of the function of a span.

    Attributes:
        builder: the builder to which instructions are added.
        block: the address of the block.
        row: the row of the first element.
        states, gradient: the addresses of the first elements.
        count: the number of elements.
        numbers: the numbers of the call.
    """

    builder: Any
    block: Any
    row: Any
    states: list[Any]
    gradient: Any
    count: Any
    numbers: list[Any]


@dataclass(frozen=True)
class StepWriter:
    """Writes the step of a rule.

    Attributes:
        program: the program of the rule.
        storages: the storage type of each state.
        gradient: the storage type of the gradient; None for a zero gradient.
        has_half: whether the CPU converts float16.
        stochastic: whether narrow states are rounded stochastically.
    """

    program: Program
    storages: tuple[str, ...]
    gradient: str | None
    has_half: bool
    stochastic: bool = False

    @property
    def compute(self) -> str:
        """The compute type."""
        return compute_type(self.storages[0])

    @property
    def name(self) -> str:
        """The name of the function."""
        return f"{plain(self.program.signature.name)}_{self.gradient or 'zero'}"

    def elements(self, module: ir.Module) -> ir.Function:
        """The function of a span, of states, gradient, block, row, count and numbers."""
        names = [f"{name}_at" for name in (*self.program.signature.states, "gradient")]
        numbers = [f"scalars_{k}" for k in range(len(self.program.hoisted))]
        kinds = [*[POINTER] * (len(names) + 1), INTEGER, INTEGER, *[FLOATS[self.compute]] * len(numbers)]
        # No exported function can have this name.
        function = ir.Function(module, ir.FunctionType(VOID, kinds), "rule.elements")
        function.linkage = "internal"
        # A separate function, since LLVM reads `noalias` on arguments. Within a span no memory is shared: states with
        # interleaved rows are stepped row by row, and a gradient that overlaps a state is copied.
        function.attributes.add("alwaysinline")
        for argument, name in zip(function.args, [*names, "block", "row", "count", *numbers], strict=True):
            argument.name = name
        for argument in function.args[: len(names)]:
            argument.add_attribute("noalias")
        *states, gradient = function.args[: len(names)]
        block, row, count, *given = function.args[len(names) :]
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.step(Span(builder, block, row, states, gradient, count, given))
        builder.ret_void()
        return function

    def step(self, span: Span) -> None:
        """The step of a rule without sums beyond a row; with sums, the span is one row."""
        known = self.row(span)
        for stage in range(self.program.last):
            self.once(known, stage)
            for each, total in self.totals(span, known, stage):
                known.let(each.name, result_of(known, each, total, span.count))
        self.once(known, self.program.last)
        self.new_elements(span, known)
        self.store_rows(span, known)

    def row(self, span: Span) -> Expressions:
        """The names that are known for a whole row: the states that hold one number per row."""
        known = Expressions(span.builder, self.compute, {}, span.numbers)
        zero = INTEGER(0)
        for k in self.program.by_row:
            known.let(local(self.program.signature.states[k]), self.load(span, k, zero))
        return known

    def once(self, known: Expressions, stage: int) -> None:
        """Add the values that a stage evaluates once per row."""
        for line in self.program.lines:
            if line.value.stage == stage and not line.value.axes & COLUMNS:
                known.let(line.name, known.value(line.value.node))

    def totals(self, span: Span, known: Expressions, stage: int) -> list[tuple[Reduction, Any]]:
        """The reductions of a stage over the row, with their results before means are divided."""
        terms = terms_of(self.program, stage)

        def values(i: Any) -> list[Any]:
            expressions = self.element(span, known, i, stage)
            return [expressions.names[each.argument] for each in terms]

        kinds = [each.kind for each in terms]
        return list(zip(terms, reduced(span.builder, span.count, kinds, values), strict=True)) if terms else []

    def element(self, span: Span, known: Expressions, i: Any, stage: int, roots: bool = False) -> Expressions:
        """The names that are known for an element in a stage."""
        program, signature = self.program, self.program.signature
        exponents = tuple(program.exponents)
        expressions = replace(known, names=dict(known.names), roots=roots, exponents=exponents)
        for k in (*program.by_element, *program.by_column):
            expressions.let(local(signature.states[k]), self.load(span, k, i))
        self.let_columns(span, expressions, i, stage)
        value = ir.Constant(FLOATS[self.compute], 0.0)
        if self.gradient:
            address = item_at(span.builder, span.gradient, self.gradient, i)
            value = conversions.load(span.builder, self.gradient, address, self.has_half)
        expressions.let(local(signature.gradient), value)
        for line in program.lines_until(stage):
            if line.value.axes & COLUMNS:
                expressions.let(line.name, expressions.value(line.value.node))
        return expressions

    def let_columns(self, span: Span, expressions: Expressions, i: Any, stage: int) -> None:
        """Add the sums by column; only rules with sums beyond a row have any."""

    def new_elements(self, span: Span, known: Expressions) -> None:
        """Compute and store the new states of every element."""
        builder, exponents = span.builder, self.program.exponents

        def loop(roots: bool) -> None:
            def body(i: Any) -> None:
                expressions = self.element(span, known, i, self.program.last, roots)
                self.store(span, expressions, self.program.by_element, i)

            counted(builder, span.count, body)

        if exponents:
            # A separate loop for roots: otherwise both the root and the power of every element are computed.
            with builder.if_else(self.all_roots(known)) as (are_roots, are_powers):
                with are_roots:
                    loop(roots=True)
                with are_powers:
                    loop(roots=False)
        else:
            loop(roots=False)

    def all_roots(self, known: Expressions) -> Any:
        """Whether every exponent is 0.5."""
        found: Any = ir.Constant(ir.IntType(1), 1)
        for exponent in self.program.exponents:
            value = known.value(ast.parse(exponent, mode="eval").body)
            found = known.builder.and_(found, compare(known.builder, "==", value, ir.Constant(value.type, 0.5)))
        return found

    def store_rows(self, span: Span, known: Expressions) -> None:
        """Store the states that hold one number per row."""
        self.store(span, known, self.program.by_row, INTEGER(0))

    def load(self, span: Span, k: int, i: Any) -> Any:
        """An element of a state."""
        address = item_at(span.builder, span.states[k], self.storages[k], i)
        return conversions.load(span.builder, self.storages[k], address, self.has_half)

    def store(self, span: Span, expressions: Expressions, numbers: list[int], i: Any) -> None:
        """Compute and store an element of some states, if the rule changes them."""
        results, builder = self.program.results, span.builder
        changed = [k for k in numbers if self.program.changed[k]]
        # All are computed before the first is stored, since one may depend on another.
        new = [expressions.number(results[k].node) for k in changed]
        for k, value in zip(changed, new, strict=True):
            storage, address = self.storages[k], item_at(builder, span.states[k], self.storages[k], i)
            if self.stochastic and storage in STOCHASTIC:
                bits = STOCHASTIC[storage](builder, value, self.random_bits(span, i, k))
                conversions.store_bits(builder, storage, bits, address)
            else:
                conversions.store(builder, storage, value, address, self.has_half)

    def random_bits(self, span: Span, i: Any, k: int) -> Any:
        """The random bits for an element of a state."""
        builder = span.builder
        width, key = (field_in(builder, span.block, field) for field in (layout.WIDTH, layout.KEY))
        return random(builder, key, builder.add(builder.mul(span.row, width), i), k)
