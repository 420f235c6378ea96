"""Writes the span words of ``loops/gpu/span_words.py`` for one rule and its storage types.

A tile is some rows by some columns. What differs by element is a value of the tile's shape, what is the same for a row
one of a single column, and what is the same for a column one of a single row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ...storage import STORAGES, compute_type
from ..module_text import indented
from ..rule.axes import ROW
from ..rule.program import Program, ReductionScope
from ..rule.values import Reduction, local
from .expressions import rewritten

COLUMNS = "columns = begin + tl.arange(0, COLUMNS)[None, :]"
HERE = "here = present & (columns < width)"


@dataclass(frozen=True)
class Tiles:
    """Writes the words that walk the states and run the rule.

    Attributes:
        program: the rule.
        storages: the storage type of each state.
        gradient: the storage type of the gradient.
        stochastic: whether narrow states are rounded stochastically.
    """

    program: Program
    storages: Sequence[str]
    gradient: str
    stochastic: bool

    def words(self) -> dict[str, str]:
        """The words by name, as the text behind ``def NAME``."""
        compute = compute_type(self.storages[0])
        rows = "states, row_strides, row, present, {}width, scalars, COLUMNS"
        own = f"from_{self.gradient}(load(gradient + (row * width + columns), here))"
        return {
            "update": self.update(),
            "tensors_at": self.tensors_at(),
            "update_rows": self.rows(rows.format("gradient, "), own),
            "update_rows_by_sums": self.rows(rows.format("sums, "), "segment_sum(sums, here, columns, width)"),
            "idle_rows": self.rows(rows.format(""), f"tl.zeros((row.shape[0], COLUMNS), tl.{compute})"),
            "rows_at": self.rows_at(),
            "gradient_at": address_word(self.gradient),
            "load_gradient": gradient_word(self.gradient),
        }

    def update(self) -> str:
        """A step of elements that lie alike in all states, for a rule without sums."""
        if self.program.reduction_scope >= ReductionScope.ROW:
            return "(states, elements, gradient, here, scalars):\n    pass"
        lines = self.elements("rule", dict.fromkeys(range(len(self.storages)), "elements"), "elements")
        return "\n".join(["(states, elements, gradient, here, scalars):", *indented(self.by_exponents(lines))])

    def tensors_at(self) -> str:
        """The states and the gradient, whose addresses lie in memory."""
        types = [*self.storages, self.gradient]
        *states, gradient = [f"pointer_at(addresses + {k}, tl.{each}, ALIGNED)" for k, each in enumerate(types)]
        return f"(addresses, ALIGNED):\n    return ({', '.join(states)},), {gradient}"

    def rows_at(self) -> str:
        """The rows of states whose addresses lie in memory, each a pointer of its own."""
        strides = ["1" if k in self.program.by_row else "width" for k in range(len(self.storages))]
        states = [
            f"pointers_at(addresses + {k}, tl.{each}, ALIGNED) + row * {stride}"
            for k, (each, stride) in enumerate(zip(self.storages, strides, strict=True))
        ]
        zeros = ", ".join("0" for _ in states)
        return f"(addresses, row, width, ALIGNED):\n    return ({', '.join(states)},), ({zeros},)"

    def rows(self, arguments: str, gradient: str) -> str:
        """A step of whole rows, in as many passes over their columns as the rule has stages."""
        program, lines = self.program, [*self.row_states()]
        for stage in range(program.last):
            sums = program.reductions_of(stage, ROW)
            lines += [*self.once(stage), *self.summed(stage, gradient)]
            lines += [f"{each.name} = {divided(f'total_{k}', each, 'width')}" for k, each in enumerate(sums)]
        lines += self.once(program.last)
        lines += self.by_exponents(self.over_columns(gradient, self.elements("rule", self.places, self.number)))
        lines += self.new_row_states()
        return "\n".join([f"({arguments}):", *indented(lines)])

    @property
    def places(self) -> dict[int, str]:
        """Where the elements of a tile lie in each state."""
        return {k: f"(row * row_strides[{k}] + columns)" for k in range(len(self.storages))}

    @property
    def number(self) -> str:
        """The numbers of a tile's elements."""
        return "(row * width + columns)"

    def over_columns(self, gradient: str, lines: list[str]) -> list[str]:
        """Lines that are done for every tile of some rows."""
        body = [COLUMNS, HERE, f"gradient_here = {gradient}", *lines]
        return ["for begin in range(0, width, COLUMNS):", *indented(body)]

    def by_exponents(self, lines: list[str]) -> list[str]:
        """Lines that run the rule: by roots where all its exponents are one half."""
        exponents = self.program.exponents
        if not exponents:
            return lines
        roots = " & ".join(f"({exponent} == 0.5)" for exponent in exponents)
        by_roots = [line.replace(" rule(", " rule_by_roots(") for line in lines]
        return [f"if {roots}:", *indented(by_roots), "else:", *indented(lines)]

    def load(self, k: int, place: str, mask: str) -> str:
        """Loads elements of a state."""
        return f"from_{self.storages[k]}(load(states[{k}] + {place}, {mask}))"

    def store(self, k: int, place: str, mask: str, value: str, number: str) -> str:
        """Stores elements of a state."""
        if self.stochastic and (word := stochastic_word(self.storages[k])):
            # A new state may be the same for a whole row or tile.
            whole = f"({value} + tl.zeros({place}.shape, tl.float32))" if place != "elements" else value
            value = f"{word}({whole}, random(scalars[-1], {number}, {k}))"
        else:
            value = f"to_{self.storages[k]}({value})"
        return f"tl.store(states[{k}] + {place}, {value}, mask={mask})"

    def call(self, function: str, stage: int, places: dict[int, str]) -> str:
        """Calls one of the program's functions for a tile."""
        program = self.program
        loads = [self.load(k, places[k], "here") for k in program.by_element]
        loads += [self.load(k, places[k], "columns < width") for k in program.by_column]
        sums = [self.loaded(each) for each in program.columns(stage)]
        return f"{function}({', '.join([*loads, *sums, 'gradient_here', *program.known(stage), 'scalars'])})"

    def loaded(self, each: Reduction) -> str:
        """The value of what was reduced in an earlier stage, where that is not at hand under its name."""
        raise NotImplementedError

    def elements(self, function: str, places: dict[int, str], number: str) -> list[str]:
        """Computes and stores the new states of a tile."""
        program = self.program
        call = self.call(function, program.last, places)
        stores = [
            self.store(k, places[k], "here", f"new[{j}]", number)
            for j, k in enumerate(program.by_element)
            if program.changed[k]
        ]
        return [f"new = {call.replace('gradient_here', 'gradient') if number == 'elements' else call}", *stores]

    def row_states(self) -> list[str]:
        """Loads the states that hold one number a row."""
        names = self.program.signature.states
        return [f"{local(names[k])} = {self.load(k, self.row_place(k), 'present')}" for k in self.program.by_row]

    def row_place(self, k: int) -> str:
        """Where a state with one number a row holds a tile's."""
        return f"(row * row_strides[{k}])"

    def new_row_states(self) -> list[str]:
        """Stores them."""
        program = self.program
        stores = [
            self.store(k, self.row_place(k), "present", rewritten(value), "(row * width)")
            for k, value in zip(program.by_row, program.new(program.by_row), strict=True)
        ]
        # All threads of a row load them, one stores them: when none has them still to load.
        return ["tl.debug_barrier()", *stores] if stores else []

    def once(self, stage: int) -> list[str]:
        """The lines that a row needs once."""
        return [rewritten(line) for line in self.program.once(stage)]

    def summed(self, stage: int, gradient: str) -> list[str]:
        """Reduces what a stage reduces over a row: ``total_0`` and so on."""
        sums = self.program.reductions_of(stage, ROW)
        if not sums:
            return []
        term = f"term = {self.call(f'terms_{stage}', stage, self.places)}"
        return [
            *(self.begun(n, each) for n, each in enumerate(sums)),
            *self.over_columns(gradient, [term, *(added(n, each) for n, each in enumerate(sums))]),
            *(f"total_{n} = {reduced(f'lanes_{n}', each, 1)}" for n, each in enumerate(sums)),
        ]

    def begun(self, n: int, each: Reduction) -> str:
        """The line that begins the lanes of a reduction."""
        return f"lanes_{n} = tl.full((row.shape[0], COLUMNS), {begin(each)}, tl.{compute_type(self.storages[0])})"


def stochastic_word(storage: str) -> str | None:
    """The conversion that rounds stochastically, for the types that have one."""
    return f"to_{storage}_stochastic" if STORAGES[storage].stochastic else None


def gradient_word(gradient: str) -> str:
    """The word that loads gradients; it needs no rule."""
    return f"(places, here):\n    return from_{gradient}(load(places, here))"


def address_word(gradient: str) -> str:
    """The word that finds gradient rows by their addresses; it needs no rule."""
    bytes_of_row = f"width * {STORAGES[gradient].item_bytes}"
    return f"(address, width):\n    return pointers_of(address, tl.{gradient}, {bytes_of_row} % 16 == 0)"


def divided(total: str, each: Reduction, count: str) -> str:
    """A sum or maximum, or the mean that a sum makes."""
    return f"quotient({total}, constant({count}))" if each.kind == "mean" else total


def begin(each: Reduction) -> str:
    """What a reduction begins with, and takes where there is nothing."""
    return 'float("-inf")' if each.kind == "max" else "0"


def added(n: int, each: Reduction) -> str:
    """The line that takes a term of a reduction into its lanes."""
    term = f"tl.where(here, term[{n}], {begin(each)})"
    return f"lanes_{n} = word_maximum(lanes_{n}, {term})" if each.kind == "max" else f"lanes_{n} += {term}"


def reduced(values: str, each: Reduction, axis: int, keep_dims: bool = True) -> str:
    """A reduction of values along an axis."""
    return f"{'largest' if each.kind == 'max' else 'tl.sum'}({values}, axis={axis}, keep_dims={keep_dims})"
