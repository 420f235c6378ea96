"""Writes the span word of a rule whose sums reach beyond a row: its launches.

What a program carries from tile to tile differs by rule, so the word goes through the tiles, too.
"""

from functools import cached_property

from ...storage import compute_type
from ..module_text import indented
from ..rule.axes import COLUMN, ELEMENT, MATRIX, ROW, TENSOR
from ..rule.values import Reduction
from .levels import Levels
from .tiles import COLUMNS, Tiles, added, begin, divided, reduced

ARGUMENTS = (
    "first_launch, last_launch, states, row_strides, gradient, sums, matrices, first_matrix, stop_matrix, first_row, "
    "stop_row, row_block, row_blocks, rows, elements, width, scalars, PROGRAMS, ROWS, COLUMNS"
)
# The last row of what is no table may be shorter.
HERE = "here = present & (columns < width) & (row * width + columns < elements)"


class Stages(Tiles):
    """Writes the word of ``loops/gpu/whole_tensor.py``."""

    @cached_property
    def levels(self) -> Levels:
        """The launches."""
        return Levels(self.program)

    def words(self) -> dict[str, str]:
        """The words by name, as the text behind ``def NAME``."""
        lines = self.workspace()
        for launch in range(self.levels.count):
            body = self.launch(launch) if launch <= self.levels.last else self.new_column_states()
            # What other threads of the program have stored is loaded.
            after = ["if last_launch > first_launch:", "    tl.debug_barrier()"]
            lines += [f"if (first_launch <= {launch}) & (last_launch >= {launch}):", *indented([*body, *after])]
        return {"run_launches": "\n".join([f"({ARGUMENTS}):", *indented(lines)])}

    def workspace(self) -> list[str]:
        """Where sums lie; see ``runtime/gpu/whole_tensor.py``. One row block has its sums by column where they are."""
        columns, of_matrices = self.program.column_sums, len(self.program.matrix_sums)
        return [
            "several = tl.where(row_blocks > 1, row_blocks, 0)",
            f"column_sums = sums + several * matrices * {columns} * width",
            f"partial_sums = sums + (row_blocks + (row_blocks > 1)) * matrices * {columns} * width",
            f"row_sums = partial_sums + {of_matrices} * matrices * row_blocks",
        ]

    def launch(self, launch: int) -> list[str]:
        """One pass over the elements of a program, or one for each stage of a launch."""
        over_tensor, over_matrix = (self.levels.partials_of(launch, axes) for axes in (TENSOR, MATRIX))
        tile = ["tl.debug_barrier()"] if self.levels.columns_of(launch) else []
        tile += [
            "row = matrix * rows + start + tl.arange(0, ROWS)[:, None]",
            "present = row < matrix * rows + stop_row",
            *self.row_states(),
            *self.tile(launch),
        ]
        matrix = [
            *self.reduced_before(launch, MATRIX),
            *map(self.begun_part, over_matrix),
            "for start in range(first_row, stop_row, ROWS):",
            *indented(tile),
            *(self.stored_part(each, "matrix * row_blocks + row_block") for each in over_matrix),
        ]
        return [
            *self.reduced_before(launch, TENSOR),
            *map(self.begun_part, over_tensor),
            "for matrix in range(first_matrix, stop_matrix):",
            *indented(matrix),
            *(self.stored_part(each, "tl.program_id(0)") for each in over_tensor),
        ]

    def tile(self, launch: int) -> list[str]:
        """What a launch does with some rows: partial sums, or the new states."""
        own = f"from_{self.gradient}(load(gradient + (row * width + columns), here))"
        lines = []
        for stage in range(self.program.last + 1):
            lines += self.once_known(stage, launch)
            lines += self.summed_by(launch, stage, own)
            lines += self.accumulate(stage, launch)
        if launch == self.levels.last:
            elements = self.elements("rule", self.places, self.number)
            lines += [*self.by_exponents(self.over_columns(own, elements)), *self.new_row_states()]
        return lines

    @property
    def places(self) -> dict[int, str]:
        places = super().places
        return places | dict.fromkeys(self.program.by_column, "(matrix * width + columns)")

    def over_columns(self, gradient: str, lines: list[str]) -> list[str]:
        if self.program.sees_rows:
            return super().over_columns(gradient, lines)
        body = [COLUMNS, HERE, f"gradient_here = {gradient}", *lines]
        return ["for begin in range(0, width, COLUMNS):", *indented(body)]

    def once_known(self, stage: int, launch: int) -> list[str]:
        """The lines that a row needs once, as far as they are known in a launch."""
        return [line for line in self.once(stage) if self.levels.known(line.partition(" = ")[0]) <= launch]

    def reduced_before(self, launch: int, axes: int) -> list[str]:
        """What earlier launches have reduced over matrices or the tensor."""
        known = [each for each in self.program.reductions if each.axes == axes and self.computed_before(each, launch)]
        return [f"{each.name} = {self.loaded(each)}" for each in known]

    def computed_before(self, each: Reduction, launch: int) -> bool:
        """Whether an earlier launch has computed a reduction."""
        return self.levels.computed(each) < launch

    def new_column_states(self) -> list[str]:
        """The new states that hold one number a column."""
        program, after = self.program, self.levels.last + 1
        call = self.call("rule_of_columns", program.last, self.places)
        stores = [
            self.store(k, "(matrix * width + columns)", "columns < width", f"new[{j}]", "(matrix * width + columns)")
            for j, k in enumerate(program.by_column)
        ]
        zero = f"tl.zeros((row.shape[0], COLUMNS), tl.{compute_type(self.storages[0])})"
        known = []
        for stage in range(program.last + 1):
            known += [*self.once_known(stage, after), *self.accumulate(stage, after)]
        matrix = [
            "row = matrix * rows + tl.arange(0, ROWS)[:, None]",
            "present = row < matrix * rows + rows",
            *self.row_states(),
            *self.reduced_before(after, MATRIX),
            *known,
            *self.over_columns(zero, [f"new = {call}", "tl.debug_barrier()", *stores]),
        ]
        return [
            *self.reduced_before(after, TENSOR),
            "for matrix in range(first_matrix, tl.where(row_block == 0, stop_matrix, first_matrix)):",
            *indented(matrix),
        ]

    def loaded(self, each: Reduction) -> str:
        """The result of a reduction of an earlier launch."""
        k = self.program.place(each)
        if each.axes == ROW:
            return divided(f"load(row_sums + ({k} * matrices * rows + row), present)", each, "width")
        if each.axes == COLUMN:
            return divided(
                f"load(column_sums + (({k} * matrices + matrix) * width + columns), columns < width)", each, "rows"
            )
        count = {(MATRIX, ROW): "rows", (TENSOR, ROW): "matrices * rows"}.get((each.axes, each.argument_axes))
        # Every program adds the partial sums again, all at once: they are few.
        first, programs = ("0", "tl.num_programs(0)") if each.axes == TENSOR else ("matrix * row_blocks", "row_blocks")
        partials = (
            f"tl.load(partial_sums + ({k} * matrices * row_blocks + {first} + tl.arange(0, PROGRAMS)), "
            f"mask=tl.arange(0, PROGRAMS) < {programs}, other={begin(each)})"
        )
        return divided(reduced(partials, each, 0, keep_dims=False), each, count or "elements")

    def summed_by(self, launch: int, stage: int, gradient: str) -> list[str]:
        """Reduces what a stage reduces over a tile: by row as ``total_0`` and so on; columns are stored."""
        sums = self.terms_of(stage)
        if not sums or self.levels.computed(sums[0]) != launch:
            return []
        lines = [f"term = {self.call(f'terms_{stage}', stage, self.places)}"]
        before, after = [], []
        for n, each in enumerate(sums):
            if each.axes == COLUMN:
                lines += self.added_by_column(n, each)
                continue
            before.append(self.begun(n, each))
            lines.append(added(n, each))
            after.append(f"total_{n} = {reduced(f'lanes_{n}', each, 1)}")
        return [*before, *self.over_columns(gradient, lines), *after]

    def terms_of(self, stage: int) -> list[Reduction]:
        """The reductions of a stage over elements, in the order of its terms."""
        reductions = self.program.reductions_of(stage, ROW, MATRIX, TENSOR, COLUMN)
        return [each for each in reductions if each.argument_axes == ELEMENT]

    def added_by_column(self, n: int, each: Reduction) -> list[str]:
        """Adds the sums by column of a tile to those of the program's earlier tiles."""
        block = f"(({self.program.place(each)} * matrices + matrix) * row_blocks + row_block)"
        both = f"word_maximum(earlier_{n}, by_column_{n})" if each.kind == "max" else f"earlier_{n} + by_column_{n}"
        return [
            f"place_{n} = sums + ({block} * width + columns)",
            f"earlier_{n} = load(place_{n}, (columns < width) & (start > first_row))",
            f"by_column_{n} = {reduced(f'tl.where(here, term[{n}], {begin(each)})', each, 0)}",
            # All threads of a column load them, one stores them.
            "tl.debug_barrier()",
            f"tl.store(place_{n}, tl.where(start > first_row, {both}, by_column_{n}), mask=columns < width)",
        ]

    def accumulate(self, stage: int, launch: int) -> list[str]:
        """Stores the sums and maxima of rows, and adds up those of all rows of a tile together."""
        lines, terms = [], self.terms_of(stage)
        for each in self.program.reductions_of(stage, ROW, MATRIX, TENSOR):
            k = self.program.place(each)
            if self.computed_before(each, launch):
                lines += [f"{each.name} = {self.loaded(each)}"] if each.axes == ROW else []
            if self.levels.computed(each) != launch:
                continue
            total = (
                f"total_{terms.index(each)}"
                if each.argument_axes == ELEMENT
                else f"tl.where(present, {each.argument}, {begin(each)})"
            )
            if each.axes == ROW:
                lines.append(f"{each.name} = {divided(total, each, 'width')}")
                if launch < self.levels.last:
                    lines.append(f"tl.store(row_sums + ({k} * matrices * rows + row), {total}, mask=present)")
            else:
                whole = reduced(reduced(total, each, 1, keep_dims=False), each, 0, keep_dims=False)
                both = f"word_maximum(part_{k}, {whole})" if each.kind == "max" else f"part_{k} + {whole}"
                lines.append(f"part_{k} = {both}")
        return lines

    def begun_part(self, each: Reduction) -> str:
        """The line that begins a program's part of a reduction over its tiles."""
        return f"part_{self.program.place(each)} = tl.full((), {begin(each)}, tl.{compute_type(self.storages[0])})"

    def stored_part(self, each: Reduction, place: str) -> str:
        """The line that stores it."""
        k = self.program.place(each)
        return f"tl.store(partial_sums + ({k} * matrices * row_blocks + {place}), part_{k})"
