"""A checked call of a rule without sums: blocks of numbers, and the span functions and loops that take them."""

from array import array
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from ..arrays.address import address_of
from ..arrays.layout import Rows
from ..codegen.storage import ITEM_BYTES
from ..loops.cpu import block as fields
from ..loops.cpu.grouping import FIRST, ORDER, SLOTS
from .grouping import Groups


class SpanCall:
    """What a call is made of, on any number of threads.

    Attributes:
        rows, width: of the table.
        gradient: its elements.
        storage: their storage type.
        announce: tells the owners of the states, right before they are written to, that they will be.
    """

    def __init__(
        self,
        functions: Any,
        tables: Sequence[Rows],
        gradient: np.ndarray,
        storage: str,
        scalars: Sequence[float],
        announce: Callable[[], None],
    ) -> None:
        self.functions, self.gradient, self.storage, self.announce = functions, gradient, storage, announce
        _, self.rows, self.width, _ = tables[0]
        self.tables, width = tables, self.width
        records, unbroken = array("q"), True
        for flat, _, _, pitch in tables:
            size = flat.itemsize
            records.extend((address_of(flat), pitch * size, width * size))
            unbroken &= pitch == width
        self.block = block = fields.new_block(records, functions.numbers, scalars)
        block[fields.WIDTH], block[fields.UNBROKEN] = width, unbroken
        block[fields.GRADIENT], block[fields.GRADIENT_ROW] = address_of(gradient), width * ITEM_BYTES[storage]
        self.unbroken = unbroken
        functions.evaluate(block.buffer_info()[0])

    def part(self, start: int, stop: int) -> "array[int]":
        """The block of a part of the call."""
        block = self.block[:]
        block[fields.START], block[fields.STOP] = start, stop
        return block

    def dense(self, start: int, stop: int) -> Callable[[], None]:
        """The step of some rows with a row of the gradient each."""
        if self.unbroken:
            return partial(self.at_once, start, stop)
        block = self.part(start, stop)
        block[fields.STEP_STORED] = self.functions.stored
        return partial(run_loop, loop("dense_rows"), block, self)

    def at_once(self, start: int, stop: int) -> None:
        """The same where no row has a gap behind it: one stretch of elements."""
        gradient = self.block[fields.GRADIENT] + start * self.block[fields.GRADIENT_ROW]
        self.functions.take_step(self.block.buffer_info()[0], start, (stop - start) * self.width, gradient)

    def touched(self, groups: Groups, sums: np.ndarray, spare: int, start: int, stop: int) -> Callable[[], None]:
        """The step of the unique rows in some places of their order."""
        block = self.part(start, stop)
        self.add_groups(block, groups, sums)
        block[fields.ORDER] = groups.address(ORDER)
        return partial(run_loop, loop("touched_rows"), block, (self, groups, sums))

    def every(
        self,
        groups: Groups,
        sums: np.ndarray,
        spare: int,
        order: np.ndarray,
        first: int,
        last: int,
        start: int,
        stop: int,
    ) -> Callable[[], None]:
        """The step of some rows, of which the unique ones are ``order[first:last]``; all others have no gradient."""
        block = self.part(start, stop)
        self.add_groups(block, groups, sums)
        if groups.distinct < self.rows:
            block[fields.STEP_ZERO] = self.functions.zero
        block[fields.ASCENDING] = address_of(order)
        block[fields.FIRST_UNIQUE], block[fields.LAST_UNIQUE] = first, last
        return partial(run_loop, loop("every_row"), block, (self, groups, sums, order))

    def add_groups(self, block: "array[int]", groups: Groups, sums: np.ndarray) -> None:
        """Says what grouping found, and where the sums lie; only functions that are needed are compiled."""
        if groups.summed < groups.distinct:
            block[fields.STEP_STORED] = self.functions.stored
        if groups.summed:
            block[fields.STEP_SUMMED] = self.functions.summed
        block[fields.FIRST], block[fields.SLOTS] = groups.address(FIRST), groups.address(SLOTS)
        block[fields.UNIQUE_ROWS] = address_of(groups.named)
        block[fields.SUMS], block[fields.SUMS_ROW] = address_of(sums), self.width * sums.itemsize


def records_of(addresses: Sequence[int], item: int) -> "array[int]":
    """The records of states of one long row, whose elements have so many bytes."""
    return array("q", [number for address in addresses for number in (address, item, item)])


def step_at_once(functions: Any, records: "array[int]", scalars: Sequence[float], count: int, gradient: int) -> None:
    """A step of ``count`` elements of every state, with a gradient at an address."""
    block = fields.new_block(records, functions.numbers, scalars)
    address = block.buffer_info()[0]
    functions.evaluate(address)
    functions.take_step(address, 0, count, gradient)


@cache
def loop(name: str) -> Callable[[int], None]:
    """A loop of ``loops/cpu``, compiled."""
    from ..codegen.cpu import functions

    return functions.loop(name)


def run_loop(function: Callable[[int], None], block: "array[int]", kept: Any) -> None:
    """Runs a loop on a block; ``kept`` is the memory that the block speaks of."""
    function(block.buffer_info()[0])
