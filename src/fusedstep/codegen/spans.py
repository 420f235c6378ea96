"""Writes the span words of ``loops/woven/span_words.py`` for one rule and its storage types."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .kinds import COLUMN, ELEMENT, MATRIX, ROW, TENSOR
from .program import ELEMENTWISE, Program
from .storage import ITEM_BYTES, chance, compute_type, converter
from .values import Reduction, local

CACHE_LINE = 64
# Beyond so many lines the hardware's own prefetcher has caught on.
LINES = 16
# As many as the dialect's ``lanes``.
LANES = 32


def gradient_words(gradient: str, compute: str, half: str) -> dict[str, str]:
    """The words that read gradients; they need no rule."""
    load = converter(gradient, half)
    stored = f"for i in range(spare.size):\n        spare[i] = from_{load}(gradient[i])\n    return spare"
    return {
        "loaded": f"(gradient, spare):\n    {'return gradient' if gradient == compute else stored}",
    }


def fetch(array: str, start: str, size: str, storage: str, writes: int) -> str:
    """Prefetches the first lines of so many elements."""
    line = CACHE_LINE // ITEM_BYTES[storage]
    return (
        f"    for column in range(0, min({size}, {LINES * line}), {line}):\n"
        f"        prefetch({array}, {start} + column, {writes})"
    )


@dataclass(frozen=True)
class Spans:
    """Writes the words that walk the states and run the rule.

    Attributes:
        program: the rule.
        storages: the storage type of each state.
        gradient: the storage type of the gradient.
        half: how float16 is converted.
        stochastic: whether 16-bit states are rounded by chance.
    """

    program: Program
    storages: Sequence[str]
    gradient: str
    half: str
    stochastic: bool

    def words(self) -> dict[str, str]:
        """The words by name, as the text behind ``def NAME``."""
        zero = f"np.{compute_type(self.storages[0])}(0)"
        numbers = range(len(self.storages))
        step = self.elementwise if self.program.reach == ELEMENTWISE else self.rowwise
        unbroken = " and ".join(f"pitches[{k}] == width" for k in numbers)
        return {
            "part": self.part(),
            "unbroken": f"(pitches, width):\n    return {unbroken if step == self.elementwise else False}",
            "update": step("spans, gradient, scalars", self.by_gradient),
            "update_by_sums": step("spans, sums, scalars", "sums[{i}]"),
            "idle": step("spans, scalars", zero),
            "fetch": "(states, pitches, row, width):\n" + "\n".join(self.fetch(k) for k in numbers),
        }

    @property
    def by_gradient(self) -> str:
        """An element of the gradient as it is stored."""
        return f"from_{converter(self.gradient, self.half)}(gradient[{{i}}])"

    def part(self) -> str:
        """The views of a span, and behind them the number of its first element."""
        rows, elements = "stop - row", "(stop - row) * width"
        sizes = [rows if k in self.program.by_row else elements for k in range(len(self.storages))]
        views = ", ".join(
            f"states[{k}][row * pitches[{k}] : row * pitches[{k}] + {size}]" for k, size in enumerate(sizes)
        )
        return f"(states, pitches, row, stop, width):\n    return ({views}, row * width)"

    def fetch(self, k: int) -> str:
        """Prefetches a row of a state."""
        if k in self.program.by_row:
            return f"    prefetch(states[{k}], row * pitches[{k}], 1)"
        return fetch(f"states[{k}]", f"row * pitches[{k}]", "width", self.storages[k], writes=1)

    def load(self, k: int, i: str) -> str:
        """Loads an element of a state."""
        return f"from_{converter(self.storages[k], self.half)}(spans[{k}][{i}])"

    def store(self, k: int, i: str, value: str) -> str:
        """Stores an element of a state."""
        to = f"to_{converter(self.storages[k], self.half)}"
        if self.stochastic and chance(self.storages[k]):
            return f"spans[{k}][{i}] = {chance(self.storages[k])}({value}, random(scalars[-1], spans[-1] + {i}, {k}))"
        return f"spans[{k}][{i}] = {to}({value})"

    def call(self, function: str, stage: int, gradient: str, i: str) -> str:
        """Calls one of the program's functions for an element."""
        program = self.program
        loads = [self.load(k, i) for k in (*program.by_element, *program.by_column)]
        sums = [self.loaded(each, i) for each in program.columns(stage)]
        return f"{function}({', '.join([*loads, *sums, gradient.format(i=i), *program.known(stage), 'scalars'])})"

    def loaded(self, each: Reduction, i: str) -> str:
        """The value of what was added up in an earlier stage, where that is not at hand under its name."""
        raise NotImplementedError

    def elements(self, gradient: str, function: str = "rule") -> list[str]:
        """Computes and stores the new states, element by element."""
        stores = [
            self.store(k, "i", f"new[{j}]") for j, k in enumerate(self.program.by_element) if self.program.changed[k]
        ]
        new = f"new = {self.call(function, self.program.last, gradient, 'i')}"
        lines = ["for i in range(spans[0].size):", *indented([new, *stores])]
        exponents = self.program.translation.exponents
        if not exponents:
            return lines
        # A loop of its own for roots: else compilers compute root and power of every element, and choose.
        roots = " and ".join(f"{exponent} == 0.5" for exponent in exponents)
        return [f"if {roots}:", *indented(lines), "else:", *indented(lines)]

    def elementwise(self, arguments: str, gradient: str) -> str:
        """A step of a span, for a rule without sums."""
        return "\n".join([f"({arguments}):", *indented(self.elements(gradient))])

    def rowwise(self, arguments: str, gradient: str) -> str:
        """A step of a row, for a rule that adds up rows."""
        program, lines = self.program, ["size = spans[0].size", *self.row_states()]
        for stage in range(program.last):
            rows = program.reductions(stage, ROW)
            lines += [*program.once(stage), *self.summed(stage, gradient)]
            lines += [f"{each.name} = compute(total_{k}{divided(each, 'size')})" for k, each in enumerate(rows)]
        lines += [*program.once(program.last), *self.elements(gradient), *self.new_row_states()]
        return "\n".join([f"({arguments}):", *indented(lines)])

    def row_states(self) -> list[str]:
        """Loads the states that hold one number a row."""
        return [f"{local(self.program.signature.states[k])} = {self.load(k, '0')}" for k in self.program.by_row]

    def new_row_states(self) -> list[str]:
        """Stores them."""
        values = self.program.new(self.program.by_row)
        return [self.store(k, "0", value) for k, value in zip(self.program.by_row, values, strict=True)]

    def summed(self, stage: int, gradient: str) -> list[str]:
        """Adds up what a stage adds up over a row: ``total_0`` and so on, columns left out."""
        sums = [each for each in self.program.reductions(stage, ROW, MATRIX, TENSOR, COLUMN) if each.of == ELEMENT]
        wanted = [k for k, each in enumerate(sums) if each.kind != COLUMN]
        if not wanted:
            return []
        call = self.call(f"terms_{stage}", stage, gradient, "(begin + lane)")
        added = [f"term = {call}", *(f"lanes_{n}[lane] += term[{k}]" for n, k in enumerate(wanted))]
        return [
            *(f"lanes_{n} = lanes({n})" for n, _ in enumerate(wanted)),
            # What is added up runs in lanes of memory: compilers reorder no sums by themselves.
            # Without a sign, an index cannot count from the end, and its neighbours lie side by side.
            f"whole = np.uint64(size) // np.uint64({LANES}) * np.uint64({LANES})",
            f"for begin in range(np.uint64(0), whole, np.uint64({LANES})):",
            *indented([f"for lane in range(np.uint64({LANES})):", *indented(added)]),
            # Behind the loop of whole lanes, whose number compilers know.
            "begin = whole",
            "for lane in range(np.uint64(size) - whole):",
            *indented(added),
            *(f"total_{n} = sum_of_lanes(lanes_{n})" for n, _ in enumerate(wanted)),
        ]


def divided(each: Reduction, count: str) -> str:
    """What makes a mean of a sum."""
    return f" / {count}" if each.mean else ""


def indented(lines: Iterable[str]) -> list[str]:
    """Lines, one step further in."""
    return ["    " + line for line in lines]
