"""Writes the span word of a rule whose sums reach beyond a row: its stages."""

from ...storage import compute_type
from ..module_text import indented
from ..rule.axes import COLUMN, ELEMENT, MATRIX, ROW, TENSOR
from ..rule.values import Reduction
from .tiles import COLUMNS, Tiles, added, begin, divided, reduced

ARGUMENTS = (
    "stage, states, row_strides, gradient, row, present, row_block, matrix, row_blocks, rows, all_rows, elements, "
    "row_sums, matrix_sums, column_sums, partial_sums, partial_column_sums, width, scalars, COLUMNS"
)
# The last row of what is no table may be shorter.
HERE = "here = present & (columns < width) & (row * width + columns < elements)"


class Stages(Tiles):
    """Writes the word of ``loops/gpu/whole_tensor.py``."""

    def words(self) -> dict[str, str]:
        """The words by name, as the text behind ``def NAME``."""
        program, lines = self.program, self.row_states()
        own = f"from_{self.gradient}(load(gradient + (row * width + columns), here))"
        for stage in range(program.last):
            body = [
                *self.known_before(stage),
                *self.once(stage),
                *self.summed(stage, own),
                *self.accumulate_partials(stage),
            ]
            lines += [f"if stage == {stage}:", *indented(body)]
        body = [*self.known_before(program.last), *self.once(program.last)]
        body += self.by_exponents(self.over_columns(own, self.elements("rule", self.places, self.number)))
        lines += [f"if stage == {program.last}:", *indented([*body, *self.new_row_states()])]
        if program.by_column:
            lines += [f"if stage == {program.last + 1}:", *indented(self.new_column_states())]
        return {"run_stage": "\n".join([f"({ARGUMENTS}):", *indented(lines)])}

    @property
    def places(self) -> dict[int, str]:
        places = super().places
        return places | dict.fromkeys(self.program.by_column, "(matrix * width + columns)")

    def over_columns(self, gradient: str, lines: list[str]) -> list[str]:
        if self.program.sees_rows:
            return super().over_columns(gradient, lines)
        body = [COLUMNS, HERE, f"gradient_here = {gradient}", *lines]
        return ["for begin in range(0, width, COLUMNS):", *indented(body)]

    def known_before(self, stage: int) -> list[str]:
        """What earlier stages reduced, and what a row needs of it once, computed again."""
        found = []
        for earlier in range(stage + 1):
            sums = [each for each in self.program.reductions if each.stage == earlier - 1]
            found += [f"{each.name} = {self.loaded(each)}" for each in sums if each.axes != COLUMN]
            found += self.once(earlier) if earlier < stage else []
        return found

    def new_column_states(self) -> list[str]:
        """The new states that hold one number a column."""
        program = self.program
        call = self.call("rule_of_columns", program.last, self.places)
        stores = [
            self.store(k, "(matrix * width + columns)", "columns_here", f"new[{j}]", "(matrix * width + columns)")
            for j, k in enumerate(program.by_column)
        ]
        here = "columns_here = (columns < width) & (row_block % row_blocks == 0)"
        zero = f"tl.zeros((row.shape[0], COLUMNS), tl.{compute_type(self.storages[0])})"
        lines = self.over_columns(zero, [here, f"new = {call}", *stores])
        return [*self.known_before(program.last), *self.once(program.last), *lines]

    def loaded(self, each: Reduction) -> str:
        """The result of a reduction of an earlier stage."""
        k = self.program.place(each)
        if each.axes == ROW:
            return divided(f"load(row_sums + ({k} * all_rows + row), present)", each, "width")
        if each.axes == COLUMN:
            places = f"(({k} * (all_rows // rows) + matrix) * width + columns)"
            return divided(f"load(column_sums + {places}, columns < width)", each, "rows")
        count = {(MATRIX, ROW): "rows", (TENSOR, ROW): "all_rows"}.get((each.axes, each.argument_axes), "elements")
        return divided(f"tl.load(matrix_sums + ({k} * (all_rows // rows) + matrix))", each, count)

    def summed(self, stage: int, gradient: str) -> list[str]:
        """Reduces what a stage reduces over a tile: by row as ``total_0`` and so on; columns are stored."""
        sums = [
            each
            for each in self.program.reductions_of(stage, ROW, MATRIX, TENSOR, COLUMN)
            if each.argument_axes == ELEMENT
        ]
        if not sums:
            return []
        lines = [f"term = {self.call(f'terms_{stage}', stage, self.places)}"]
        before, after = [], []
        for n, each in enumerate(sums):
            if each.axes == COLUMN:
                place = f"(({self.program.place(each)} * tl.num_programs(0) + row_block) * width + columns)"
                total = reduced(f"tl.where(here, term[{n}], {begin(each)})", each, 0)
                lines.append(f"tl.store(partial_column_sums + {place}, {total}, mask=columns < width)")
                continue
            before.append(self.begun(n, each))
            lines.append(added(n, each))
            after.append(f"total_{n} = {reduced(f'lanes_{n}', each, 1)}")
        return [*before, *self.over_columns(gradient, lines), *after]

    def accumulate_partials(self, stage: int) -> list[str]:
        """Stores the sums and maxima of rows, and of all rows of a tile together."""
        lines = []
        added = self.program.reductions_of(stage, ROW, MATRIX, TENSOR, COLUMN)
        terms = [each for each in added if each.argument_axes == ELEMENT]
        for each in added:
            k = self.program.place(each)
            if each.axes == COLUMN:
                continue
            total = (
                f"total_{terms.index(each)}"
                if each.argument_axes == ELEMENT
                else f"tl.where(present, {each.argument}, {begin(each)})"
            )
            if each.axes == ROW:
                lines.append(f"tl.store(row_sums + ({k} * all_rows + row), {total}, mask=present)")
            else:
                whole = reduced(reduced(total, each, 1, keep_dims=False), each, 0, keep_dims=False)
                lines.append(f"tl.store(partial_sums + ({k} * tl.num_programs(0) + row_block), {whole})")
        return lines
