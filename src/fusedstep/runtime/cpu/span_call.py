"""The parts of a call: blocks of numbers, and the span functions and loops that take them."""

from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...arrays.address import address_of
from ...arrays.layout import Rows
from ...loops.cpu.block import (
    ADDRESS,
    ASCENDING,
    BYTES,
    FIRST_AT,
    FIRST_UNIQUE,
    GRADIENT,
    GRADIENT_BYTES,
    GRADIENT_ROW,
    KEY,
    LAST_UNIQUE,
    MATRIX_ROWS,
    ORDER_AT,
    RECORD,
    ROW_BYTES,
    ROW_STRIDE,
    SLOTS_AT,
    SOURCES_AT,
    START,
    STATES,
    STEP_STORED,
    STEP_SUMMED,
    STEP_ZERO,
    STOP,
    SUMS,
    SUMS_ROW,
    UNBROKEN,
    UNIQUE_ROWS,
    WIDTH,
)
from ...loops.cpu.grouping import FIRST, ORDER, SLOTS
from ..call import BumpVersions
from . import loops
from .bag_rows import BagRows
from .grouping import Groups, run_loop


class SpanCall:
    """The arrays of a call, and its parts on any number of threads.

    Attributes:
        functions: the rule's.
        tables: the states.
        gradient: its elements.
        storage: their storage type.
        bump_versions: raises the version counters of the states, right before they are written to.
        rows, width: of the table; where rows mean nothing and have no gaps, each element is a row.
        unbroken: whether many rows can take the step as one span: none has a gap behind it, and the rule sees none.
        overlaps: whether two of the arrays may share memory.
    """

    def __init__(
        self,
        functions: Any,
        tables: Sequence[Rows],
        gradient: Any,
        storage: str,
        scalars: Sequence[float],
        bump_versions: BumpVersions,
        by_rows: bool = True,
        key: int | None = None,
    ) -> None:
        self.functions, self.tables, self.gradient, self.storage = functions, tables, gradient, storage
        self.bump_versions = bump_versions
        array_of_first, rows, width, _ = tables[0]
        unbroken = not functions.by_rows
        for table in tables:
            unbroken &= table[3] == width
        if unbroken and not by_rows:
            rows, width = array_of_first.size, 1
        self.rows, self.width, self.unbroken = rows, width, unbroken
        self.block = block = functions.template.block(scalars)
        place = STATES
        for table, kind in zip(tables, functions.kinds, strict=True):
            each, item = table[0], table[0].itemsize
            row = item if kind == "row" else item * width
            stride = row if unbroken or kind == "column" else item * table[3]
            block[place + ADDRESS], block[place + ROW_STRIDE] = address_of(each), stride
            block[place + ROW_BYTES] = row
            block[place + BYTES] = each.nbytes if stride == row else (rows - 1) * stride + row
            place += RECORD
        block[WIDTH], block[UNBROKEN] = width, unbroken
        block[GRADIENT], block[GRADIENT_ROW] = address_of(gradient), width * gradient.itemsize
        block[GRADIENT_BYTES] = gradient.nbytes
        if isinstance(gradient, BagRows):
            block[SOURCES_AT] = address_of(gradient.sources)
        if key is not None:
            block[KEY] = key
        self.overlaps = functions.evaluate_and_compare(block.buffer_info()[0])

    def part(self, start: int, stop: int) -> "array[int]":
        """The block of a part of the call."""
        block: array[int] = self.block[:]
        block[START], block[STOP] = start, stop
        return block

    def dense(self, start: int, stop: int) -> Callable[[], None]:
        """The step of some rows with a row of the gradient each."""
        if self.unbroken:
            gradient = self.block[GRADIENT] + start * self.block[GRADIENT_ROW]
            step, count = self.functions.take_step, (stop - start) * self.width
            return partial(run_step, step, self.block, start, count, gradient, self)
        block = self.part(start, stop)
        block[STEP_STORED] = self.functions.stored
        return partial(run_loop, loops.loop("dense_rows"), block, self)

    def touched(self, groups: Groups, sums: np.ndarray, start: int, stop: int) -> Callable[[], None]:
        """The step of the unique rows in some places of their order."""
        block = self.part(start, stop)
        add_groups(block, self.functions, groups, sums)
        block[ORDER_AT] = groups.at(ORDER)
        return partial(run_loop, loops.loop("touched_rows"), block, (self, groups, sums))

    def every(
        self,
        groups: Groups,
        sums: np.ndarray,
        order: np.ndarray,
        first: int,
        last: int,
        start: int,
        stop: int,
    ) -> Callable[[], None]:
        """The step of some rows, of which the unique ones are ``order[first:last]``; all others have no gradient."""
        block = self.part(start, stop)
        add_groups(block, self.functions, groups, sums)
        if groups.distinct < self.rows:
            block[STEP_ZERO] = self.functions.zero
        block[ASCENDING] = address_of(order)
        block[FIRST_UNIQUE], block[LAST_UNIQUE] = first, last
        return partial(run_loop, loops.loop("every_row"), block, (self, groups, sums, order))

    def stage(self, number: int, sums: "array[int]", start: int, stop: int) -> Callable[[], None]:
        """What some blocks of rows do in a stage; ``sums`` are the fields of a block that say where sums lie."""
        block = self.summing(sums, start, stop)
        block[STEP_STORED] = self.functions.stage(number)
        name = "column_states" if number > self.functions.program.last else "whole_tensor"
        return partial(run_loop, loops.loop(name), block, self)

    def summing(self, sums: "array[int]", start: int = 0, stop: int = 0) -> "array[int]":
        """The block of a part of the call, with the fields that say where sums lie."""
        block = self.part(start, stop)
        block[MATRIX_ROWS : MATRIX_ROWS + len(sums)] = sums
        return block


def add_groups(block: "array[int]", functions: Any, groups: Groups, sums: np.ndarray) -> None:
    """Says what grouping found, and where the sums lie; only functions that are needed are compiled."""
    if groups.summed < groups.distinct:
        block[STEP_STORED] = functions.stored
    if groups.summed:
        block[STEP_SUMMED] = functions.summed
    block[FIRST_AT], block[SLOTS_AT] = groups.at(FIRST), groups.at(SLOTS)
    block[UNIQUE_ROWS] = groups.unique_rows_at
    block[SUMS], block[SUMS_ROW] = address_of(sums), block[WIDTH] * sums.itemsize


def run_step(step: Callable[..., None], block: "array[int]", row: int, count: int, gradient: int, memory: Any) -> None:
    """One stretch of elements, and no loop; ``memory`` is what the block speaks of, and is kept meanwhile."""
    step(block.buffer_info()[0], row, count, gradient)
