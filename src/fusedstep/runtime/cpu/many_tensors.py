"""Dense steps of many tensors in one hand-over, cut into parts of equal work whatever their sizes."""

from array import array
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ...loops.cpu import block as layout
from ...loops.cpu import tensor_table as table
from ..tensor_table import TensorTable, overlap
from . import loops
from .parts import number_of_parts, threads_for
from .threads import run

# What a tensor costs beside its elements, in elements.
ELEMENTS_PER_TENSOR = 64
# Parts begin at multiples of so many elements: two threads never write to one cache line of an aligned tensor.
ELEMENTS_PER_LINE = 64


class Blocks:
    """The prepared blocks of a step, each for some types and scalars."""

    def __init__(self) -> None:
        self.words = array("q")
        self.items = 0
        self._places: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, key: Any, functions: Any, scalars: Sequence[float]) -> None:
        """Add a block under a key."""
        made = functions.template.block(scalars)
        made[layout.STEP_STORED], made[layout.GRADIENT_ROW] = functions.stored, functions.gradient_bytes
        functions.evaluate_and_compare(made.buffer_info()[0])
        self._places[key], self.items = len(self._places), len(made)
        self.words.extend(made)

    def place(self, key: Any) -> int:
        """The place of a block; 0 of none."""
        return self._places.get(key, 0)


def take_steps(tensors: TensorTable, blocks: Blocks, first: int, stop: int) -> None:
    """Take the steps of the tensors of some rows, with blocks that are prepared."""
    sizes = tensors.field(table.SIZE)[first:stop]
    total = sum(sizes)
    threads = threads_for(total)
    if threads > 1 and overlap(tensors, first, stop):
        threads = 1
    number = number_of_parts(total, threads)
    cuts = [(first, 0), *cuts_of(sizes, first, number), (stop - 1, sizes[-1])]
    run([part(tensors, blocks, *cut, *following) for cut, following in pairwise(cuts)], threads)


def part(tensors: TensorTable, blocks: Blocks, first: int, start: int, last: int, stop: int) -> Callable[[], None]:
    """The step of some elements of some tensors."""
    own = array("q", bytes(8 * blocks.items))
    at, blocks_at, own_at = (each.buffer_info()[0] for each in (tensors.words, blocks.words, own))
    # In the order of the fields of ``step_tensors``.
    lying = at, tensors.record, tensors.columns - 1
    call = array("q", (*lying, first, last, start, stop, blocks_at, blocks.items, own_at))
    return partial(run_part, call, (own, tensors, blocks))


def run_part(call: "array[int]", memory: Any) -> None:
    """Run a part; ``memory`` is what it speaks of, and is kept meanwhile."""
    loops.loop("step_tensors")(call.buffer_info()[0])


def cuts_of(sizes: Sequence[int], first: int, number: int) -> list[tuple[int, int]]:
    """The tensors, and the elements of these, before which parts begin, without the first part."""
    if number == 1:
        return []
    ends = np.cumsum(np.array(sizes) + ELEMENTS_PER_TENSOR)
    wanted = ends[-1] * np.arange(1, number) // number
    rows = np.searchsorted(ends, wanted, side="right")
    found = []
    for row, place in zip(rows.tolist(), wanted.tolist(), strict=True):
        inside = place - int(ends[row]) + sizes[row] + ELEMENTS_PER_TENSOR
        found.append((first + row, min(inside, sizes[row]) // ELEMENTS_PER_LINE * ELEMENTS_PER_LINE))
    return found
