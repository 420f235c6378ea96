"""The stages of a rule whose sums reach beyond a row, as span functions.

Each is called for a row at a time by ``loops/cpu/whole_tensor.py``. What earlier stages know is computed again; what
they added up is at hand in tables, whose places the block says.
"""

from dataclasses import dataclass
from typing import Any

from ...loops.cpu import block as layout
from ..kinds import COLUMN, ELEMENT, MATRIX, ROW, TENSOR
from ..values import Reduction
from .elements import INTEGER, POINTER, counted, field_in
from .expressions import Expressions
from .row_sums import DOUBLE, mean_of, widened
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
        return f"{super().name}_stage_{self.stage}"

    def step(self, span: Span) -> None:
        """A row's part in the stage: adds up what the stage adds up, or computes the new states."""
        known, last = self.row(span), self.program.last
        for each in self.known_sums():
            known.let(each.name, self.sum_before(span, each))
        for stage in range(min(self.stage, last) + 1):
            self.once(known, stage)
        if self.stage < last:
            self.hand_in(span, known)
        elif self.stage == last:
            self.new_elements(span, known)
            self.store_rows(span, known)
        else:
            counted(span.builder, span.count, lambda i: self.new_column(span, known, i))

    def known_sums(self) -> list[Reduction]:
        """What was added up before and is the same for a whole row."""
        reductions = self.program.translation.reductions
        return [each for each in reductions if each.stage < self.stage and each.kind != COLUMN]

    def let_columns(self, span: Span, expressions: Expressions, i: Any, stage: int) -> None:
        for each in self.program.columns(stage):
            total = span.builder.load(self.column_at(span, layout.COLUMN_TOTALS, each, i), typ=DOUBLE)
            rows = field_in(span.builder, span.block, layout.MATRIX_ROWS)
            expressions.let(each.name, mean_of(span.builder, each, total, rows, self.compute))

    def sum_before(self, span: Span, each: Reduction) -> Any:
        """A sum or mean that an earlier stage added up."""
        if each.kind == ROW:
            address, count = self.total_at(span, layout.ROW_TOTALS, each), span.count
        else:
            counts = {(MATRIX, ROW): layout.MATRIX_ROWS, (TENSOR, ROW): layout.ALL_ROWS}
            size = counts.get((each.kind, each.of), layout.ELEMENTS)
            address, count = self.total_at(span, layout.TOTALS, each), field_in(span.builder, span.block, size)
        return mean_of(span.builder, each, span.builder.load(address, typ=DOUBLE), count, self.compute)

    def hand_in(self, span: Span, known: Expressions) -> None:
        """Adds the row's sums to those of its block, and stores those of the row."""
        builder, program = span.builder, self.program
        sums = self.totals(span, known, self.stage)
        for each in program.reductions(self.stage, MATRIX, TENSOR):
            if each.of != ELEMENT:
                sums.append((each, widened(builder, known.names[each.argument])))
        for each, total in sums:
            if each.kind == ROW:
                builder.store(total, self.total_at(span, layout.ROW_TOTALS, each))
            else:
                address = self.total_at(span, layout.BLOCK_TOTALS, each)
                builder.store(builder.fadd(builder.load(address, typ=DOUBLE), total), address)
        columns = program.reductions(self.stage, COLUMN)

        def body(i: Any) -> None:
            names = self.element(span, known, i, self.stage).names
            for each in columns:
                address = self.column_at(span, layout.BLOCK_COLUMNS, each, i)
                total = builder.load(address, typ=DOUBLE)
                builder.store(builder.fadd(total, widened(builder, names[each.argument])), address)

        if columns:
            counted(builder, span.count, body)

    def new_column(self, span: Span, known: Expressions, i: Any) -> None:
        """The new states of a column."""
        self.store(span, self.element(span, known, i, self.program.last), self.program.by_column, i)

    def total_at(self, span: Span, table: int, each: Reduction) -> Any:
        """Where the row, the matrix or the block of rows has its sum."""
        builder = span.builder
        size, place = self.sizes(span, table)
        number = builder.add(builder.mul(INTEGER(self.program.place(each)), size), place)
        return self.double_at(span, table, number)

    def column_at(self, span: Span, table: int, each: Reduction, i: Any) -> Any:
        """Where a column of the matrix or of the block of rows has its sum."""
        builder = span.builder
        size, place = self.sizes(span, table)
        number = builder.add(builder.mul(INTEGER(self.program.place(each)), size), place)
        first = builder.mul(number, field_in(builder, span.block, layout.WIDTH))
        return self.double_at(span, table, builder.add(first, i))

    def sizes(self, span: Span, table: int) -> tuple[Any, Any]:
        """How many sums of a kind a table holds, and which of them is asked for."""
        builder, block = span.builder, span.block
        if table == layout.ROW_TOTALS:
            return field_in(builder, block, layout.ALL_ROWS), span.row
        matrices = field_in(builder, block, layout.MATRICES)
        if table in (layout.TOTALS, layout.COLUMN_TOTALS):
            return matrices, field_in(builder, block, layout.MATRIX)
        blocks = builder.mul(matrices, field_in(builder, block, layout.BLOCKS))
        return blocks, field_in(builder, block, layout.BLOCK)

    def double_at(self, span: Span, table: int, number: Any) -> Any:
        """The address of a number of a table."""
        builder = span.builder
        start = builder.inttoptr(field_in(builder, span.block, table), POINTER)
        return builder.gep(start, [number], source_etype=DOUBLE, inbounds=True)
