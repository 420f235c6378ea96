"""The stages of a rule whose sums or maxima reach beyond a row, as span functions.

Each is called for a row at a time by ``loops/cpu/whole_tensor.py``. Values of
earlier stages are computed again; their sums lie in tables, whose addresses are in the block.
"""

from dataclasses import dataclass
from typing import Any

from ...loops.cpu import block as layout
from ..rule.axes import COLUMN, ELEMENT, MATRIX, ROW, TENSOR
from ..rule.values import Reduction
from .elements import INTEGER, POINTER, counted, field_in
from .expressions import Expressions
from .row_sums import DOUBLE, combined, result_of, widened
from .step_writer import Span, StepWriter


@dataclass(frozen=True)
class StageWriter(StepWriter):
    """Writes one stage.

    Attributes:
        stage: its number; behind the last comes that of the states by column.
    """

    stage: int = 0

    @property
    def name(self) -> str:
        return f"{super().name}.stage_{self.stage}"

    def step(self, span: Span) -> None:
        """A row's part in the stage: reduces what the stage reduces, or computes the new states."""
        known, last = self.row(span), self.program.last
        for each in self.known_sums():
            known.let(each.name, self.sum_before(span, known, each))
        # Addresses are computed before the loops over elements: what a loop stores might change the block.
        rows = field_in(span.builder, span.block, layout.MATRIX_ROWS)
        for each in self.program.columns(self.stage):
            known.let(rows_of(each), rows)
            known.let(sums_of(each), self.columns_at(span, layout.COLUMN_SUMS, each))
        for stage in range(min(self.stage, last) + 1):
            self.once(known, stage)
        if self.stage < last:
            self.accumulate_partials(span, known)
        elif self.stage == last:
            self.new_elements(span, known)
            self.store_rows(span, known)
        else:
            counted(span.builder, span.count, lambda i: self.new_column(span, known, i))

    def known_sums(self) -> list[Reduction]:
        """What was reduced before and is the same for a whole row."""
        reductions = self.program.reductions
        return [each for each in reductions if each.stage < self.stage and each.axes != COLUMN]

    def let_columns(self, span: Span, expressions: Expressions, i: Any, stage: int) -> None:
        for each in self.program.columns(stage):
            names = expressions.names
            total = span.builder.load(double_at(span, names[sums_of(each)], i), typ=DOUBLE)
            expressions.let(each.name, result_of(expressions, each, total, names[rows_of(each)]))

    def sum_before(self, span: Span, known: Expressions, each: Reduction) -> Any:
        """The result of a reduction of an earlier stage."""
        if each.axes == ROW:
            address, count = self.total_at(span, layout.ROW_SUMS, each), span.count
        else:
            counts = {(MATRIX, ROW): layout.MATRIX_ROWS, (TENSOR, ROW): layout.ALL_ROWS}
            size = counts.get((each.axes, each.argument_axes), layout.ELEMENTS)
            address, count = self.total_at(span, layout.MATRIX_SUMS, each), field_in(span.builder, span.block, size)
        return result_of(known, each, span.builder.load(address, typ=DOUBLE), count)

    def accumulate_partials(self, span: Span, known: Expressions) -> None:
        """Combines the row's sums and maxima with those of its block, and stores those of the row."""
        builder, program = span.builder, self.program
        sums = self.totals(span, known, self.stage)
        for each in program.reductions_of(self.stage, MATRIX, TENSOR):
            if each.argument_axes != ELEMENT:
                sums.append((each, widened(builder, known.names[each.argument])))
        for each, total in sums:
            if each.axes == ROW:
                builder.store(total, self.total_at(span, layout.ROW_SUMS, each))
            else:
                address = self.total_at(span, layout.PARTIAL_SUMS, each)
                builder.store(combined(builder, each.kind, builder.load(address, typ=DOUBLE), total), address)
        columns = program.reductions_of(self.stage, COLUMN)
        starts = [self.columns_at(span, layout.PARTIAL_COLUMN_SUMS, each) for each in columns]

        def body(i: Any) -> None:
            names = self.element(span, known, i, self.stage).names
            for each, start in zip(columns, starts, strict=True):
                address = double_at(span, start, i)
                total = builder.load(address, typ=DOUBLE)
                term = widened(builder, names[each.argument])
                builder.store(combined(builder, each.kind, total, term), address)

        if columns:
            counted(builder, span.count, body)

    def new_column(self, span: Span, known: Expressions, i: Any) -> None:
        """The new states of a column."""
        self.store(span, self.element(span, known, i, self.program.last), self.program.by_column, i)

    def total_at(self, span: Span, table: int, each: Reduction) -> Any:
        """Where the row, the matrix or the block of rows has its sum."""
        return double_at(span, self.start_of(span, table), self.place_in(span, table, each))

    def columns_at(self, span: Span, table: int, each: Reduction) -> Any:
        """Where the columns of the matrix or of the block of rows have their sums."""
        width = field_in(span.builder, span.block, layout.WIDTH)
        return double_at(span, self.start_of(span, table), span.builder.mul(self.place_in(span, table, each), width))

    def start_of(self, span: Span, table: int) -> Any:
        """Where a table of sums begins."""
        return span.builder.inttoptr(field_in(span.builder, span.block, table), POINTER)

    def place_in(self, span: Span, table: int, each: Reduction) -> Any:
        """Which sum of a table, or which columns, the row has part in."""
        size, place = self.sizes(span, table)
        return span.builder.add(span.builder.mul(INTEGER(self.program.place(each)), size), place)

    def sizes(self, span: Span, table: int) -> tuple[Any, Any]:
        """The number of sums of a kind in a table, and the number of this one."""
        builder, block = span.builder, span.block
        if table == layout.ROW_SUMS:
            return field_in(builder, block, layout.ALL_ROWS), span.row
        matrices = field_in(builder, block, layout.MATRICES)
        if table in (layout.MATRIX_SUMS, layout.COLUMN_SUMS):
            return matrices, field_in(builder, block, layout.MATRIX)
        blocks = builder.mul(matrices, field_in(builder, block, layout.ROW_BLOCKS))
        return blocks, field_in(builder, block, layout.ROW_BLOCK)


def double_at(span: Span, start: Any, number: Any) -> Any:
    """The address of a number of a table."""
    return span.builder.gep(start, [number], source_etype=DOUBLE, inbounds=True)


def rows_of(each: Reduction) -> str:
    """The name of the number of rows that a column's sum is of."""
    return f"{each.name}_rows"


def sums_of(each: Reduction) -> str:
    """The name of the address of the sums of all columns."""
    return f"{each.name}_at"
