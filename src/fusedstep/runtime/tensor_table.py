"""The table of many tensors that take a step together, read natively, wherever they lie."""

from array import array
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..arrays.dlpack import CPU, functions_of, type_word
from ..loops.cpu import read_tensors as reading
from ..loops.cpu import tensor_table as table
from ..storage import STORAGES, compute_type
from .cpu import loops

NAMES = tuple(STORAGES)
# The types of a parameter that the kernel does not step.
NOT_PLAIN = -1
# The most tensors of a parameter: the types of all are one number of 64 bits.
MOST_COLUMNS = 20


class Blocks(Protocol):
    """What this module needs of prepared blocks."""

    def place(self, key: Any) -> int:
        """The place of a block; 0 of none."""


class Memory(NamedTuple):
    """The memory of many tensors.

    Attributes:
        tensors: the tensors, column after column: parameters, each state, gradients, then counters if there are any.
        storages: what keeps their memory: it is not freed while these live.
        starts, sizes: where each storage starts, and its bytes.
    """

    tensors: list[Any]
    storages: list[Any]
    starts: list[int]
    sizes: list[int]


class TensorTable:
    """Where many tensors lie that take a step together, read natively.

    Args:
        memory: the tensors.
        rows, columns: the number of parameters; that of each one's tensors.
        counted: whether counters follow in the last column.
        device, counters_device: where the tensors lie, and where the counters do, as ``dlpack.device_word`` says it.

    Attributes:
        rows: the number of parameters.
        types: for each parameter the types of its tensors as one number; -1 where it must be stepped by itself.
        all_plain: whether a kernel steps all parameters.
        counts: the number of steps of each, if they are counted in the memory of the host.
    """

    def __init__(
        self, memory: Memory, rows: int, columns: int, counted: bool, device: int = CPU, counters_device: int = CPU
    ) -> None:
        self.memory, self.rows, self.columns, self.counted = memory, rows, columns, counted
        self.record = table.ADDRESSES + columns
        self.words = array("q", bytes(8 * rows * self.record))
        kind: Any = type(memory.tensors[0])
        functions, known = functions_of(kind), known_types()
        assert functions is not None
        scratch = array("q", bytes(8 * 2 * reading.DESCRIPTION))
        lists = id(memory.tensors), id(memory.starts), id(memory.sizes)
        at, known_at, scratch_at = (each.buffer_info()[0] for each in (self.words, known, scratch))
        # In the order of the fields of ``read_tensors``.
        counts, room = (rows, columns, counted, known_at, len(NAMES)), (scratch_at, at, self.record)
        request = array("q", (*functions, *lists, *counts, *room, device, counters_device))
        loops.loop_of_objects("read_tensors")(request.buffer_info()[0])
        self.types = self.field(table.TYPES)
        self.all_plain = NOT_PLAIN not in self.types

    def field(self, which: int) -> "array[int]":
        """A field of all records."""
        return self.words[which :: self.record]

    def plain_rows(self, first: int, stop: int) -> list[int]:
        """The rows of the parameters among some that a kernel steps."""
        return [row for row in range(first, stop) if self.types[row] != NOT_PLAIN]

    @property
    def counts(self) -> list[float]:
        """The number of steps of each."""
        found = array("d")
        found.frombytes(self.field(table.COUNT).tobytes())
        return found.tolist()

    def leave_out(self, types: int) -> None:
        """Leave out the parameters of some types."""
        self.types = array("q", [NOT_PLAIN if each == types else each for each in self.types])
        self.words[table.TYPES :: self.record] = self.types
        self.all_plain = NOT_PLAIN not in self.types

    def set_blocks(self, blocks: Blocks, keys: Sequence[Any]) -> None:
        """Say which block each row takes, by its key."""
        self.words[table.BLOCK :: self.record] = array("q", map(blocks.place, keys))

    def counters_are_distinct(self, others: Sequence[int]) -> bool:
        """Whether no two parameters share the memory of a count, nor one with the counts at other addresses."""
        counters = [each for each in (*self.field(table.COUNTER), *others) if each]
        return len(set(counters)) == len(counters)


@cache
def known_types() -> "array[int]":
    """Each storage type as DLPack has it, and its bytes."""
    found = array("q")
    for each in STORAGES.values():
        found.extend((type_word(each.name, each.bits), each.item_bytes))
    return found


@cache
def storages_of(types: int, columns: int) -> tuple[tuple[str, ...], str] | None:
    """The storage types of a parameter and its states, and of its gradient; None where a kernel does not mix them."""
    if types < 0:
        return None
    *states, gradient = [NAMES[types // table.BASE**column % table.BASE] for column in range(columns)]
    one_type = len({compute_type(each) for each in states}) == 1
    return (tuple(states), gradient) if one_type and gradient in STORAGES[states[0]].gradients else None


def overlap(tensors: TensorTable, first: int, stop: int) -> bool:
    """Whether memory that the step of one tensor writes may be part of another."""
    words = np.frombuffer(tensors.words, np.int64).reshape(-1, tensors.record)[first:stop]
    words = words[words[:, table.TYPES] >= 0]
    items = np.array([each.item_bytes for each in STORAGES.values()])
    types, begins, ends = words[:, table.TYPES], [], []
    for column in range(tensors.columns):
        begins.append(words[:, table.ADDRESSES + column])
        ends.append(begins[-1] + words[:, table.SIZE] * items[types // table.BASE**column % table.BASE])
    if tensors.counted:
        # Before the gradients, which are not written.
        begins.insert(0, words[:, table.COUNTER])
        ends.insert(0, begins[0] + words[:, table.COUNTER_BYTES])
    written = np.arange(len(begins) * len(words)) < (len(begins) - 1) * len(words)
    begin, end = np.concatenate(begins), np.concatenate(ends)
    order = np.argsort(begin, kind="stable")
    begin, end, written = begin[order], end[order], written[order]
    reached = np.maximum.accumulate(end)
    reached_written = np.maximum.accumulate(np.where(written, end, 0))
    return bool(np.any((begin[1:] < reached_written[:-1]) | (written[1:] & (begin[1:] < reached[:-1]))))


def advance_counts(tensors: TensorTable) -> None:
    """Count a step of each tensor; for steps on a device."""
    request = array("q", (tensors.words.buffer_info()[0], tensors.record, tensors.rows))
    loops.loop("advance_counts")(request.buffer_info()[0])
