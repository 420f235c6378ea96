"""Writes the span words of a rule whose sums reach beyond a row: its stages."""

from .kinds import COLUMN, ELEMENT, MATRIX, ROW, TENSOR
from .spans import Spans, divided, indented
from .values import Reduction


class Stages(Spans):
    """Writes the words of ``loops/woven/whole_tensor.py``."""

    def words(self) -> dict[str, str]:
        """The words by name, as the text behind ``def NAME``."""
        return {"row_of_matrix": self.row_of_matrix(), "take": self.take()}

    def row_of_matrix(self) -> str:
        """The views of one row, of the states by column those of its matrix, and the number of the first element."""
        views = []
        for k in range(len(self.storages)):
            if k in self.program.by_row:
                views.append(f"states[{k}][row * pitches[{k}] : row * pitches[{k}] + 1]")
            elif k in self.program.by_column:
                views.append(f"states[{k}][matrix * width : (matrix + 1) * width]")
            else:
                views.append(f"states[{k}][row * pitches[{k}] : row * pitches[{k}] + size]")
        return f"(states, pitches, row, size, matrix, width):\n    return ({', '.join(views)}, row * width)"

    def take(self) -> str:
        """A row's part in each stage of a rule whose sums reach beyond it."""
        program, gradient, lines = self.program, self.by_gradient, self.row_states()
        for stage in range(program.last + 1):
            body = [f"{each.name} = {self.loaded(each, 'i')}" for each in self.known_sums(stage)]
            # What earlier stages know is computed again; what they added up is at hand.
            body += [line for earlier in range(stage + 1) for line in program.once(earlier)]
            if stage < program.last:
                body += [*self.summed(stage, gradient), *self.handed_in(stage, gradient)]
            else:
                body += [*self.elements(gradient), *self.new_row_states()]
            lines += [f"if stage == {stage}:", *indented(body)]
        if program.by_column:
            body = [f"{each.name} = {self.loaded(each, 'i')}" for each in self.known_sums(program.last)]
            body += [line for stage in range(program.last + 1) for line in program.once(stage)]
            new = f"new = {self.call('rule_of_columns', program.last, 'compute(0)', 'i')}"
            stores = [self.store(k, "i", f"new[{j}]") for j, k in enumerate(program.by_column)]
            body += ["for i in range(size):", *indented([new, *stores])]
            lines += [f"if stage == {program.last + 1} and row == matrix * rows:", *indented(body)]
        arguments = (
            "stage, spans, gradient, size, row, block, matrix, rows, elements, "
            "row_totals, totals, columns, block_totals, block_columns, scalars"
        )
        return "\n".join([f"({arguments}):", *indented(lines)])

    def known_sums(self, stage: int) -> list[Reduction]:
        """What was added up before some stage and is the same for a whole row."""
        return [each for each in self.program.translation.reductions if each.stage < stage and each.kind != COLUMN]

    def loaded(self, each: Reduction, i: str) -> str:
        """The value of a sum or mean that was added up in an earlier stage."""
        k = self.program.place(each)
        if each.kind == ROW:
            return f"compute(row_totals[{k}, row]{divided(each, 'size')})"
        if each.kind == COLUMN:
            return f"compute(columns[{k}, matrix, {i}]{divided(each, 'rows')})"
        count = {(MATRIX, ROW): "rows", (TENSOR, ROW): "row_totals.shape[1]"}.get((each.kind, each.of), "elements")
        return f"compute(totals[{k}, matrix]{divided(each, count)})"

    def handed_in(self, stage: int, gradient: str) -> list[str]:
        """Adds a row's sums to those of its block."""
        lines, column_lines = [], []
        counted = 0
        added = self.program.reductions(stage, ROW, MATRIX, TENSOR, COLUMN)
        terms = [each for each in added if each.of == ELEMENT]
        for each in added:
            k = self.program.place(each)
            if each.kind == COLUMN:
                column_lines.append(f"block_columns[{k}, block, i] += term[{terms.index(each)}]")
                continue
            total = f"np.float64({each.argument})"
            if each.of == ELEMENT:
                total, counted = f"total_{counted}", counted + 1
            sums = f"row_totals[{k}, row] =" if each.kind == ROW else f"block_totals[{k}, block] +="
            lines.append(f"{sums} {total}")
        if column_lines:
            term = f"term = {self.call(f'terms_{stage}', stage, gradient, 'i')}"
            lines += ["for i in range(size):", *indented([term, *column_lines])]
        return lines
