"""Steps of tables with plain tensors by the gradients of their lookups, as parts of one call.

The functions return None for what is not plain; the checks of all calls then take it or refuse it.
"""

import math
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...arrays.plain import Plain, plain_integers, plain_memory
from ...loops.cpu.block import (
    ADD_TO_SUM,
    ADDRESS,
    BYTES,
    COUNT,
    GRADIENT_BYTES,
    GROUP_ROWS,
    LOAD_SUM,
    LOOKUPS,
    LOOKUPS_AT,
    RECORD,
    SOURCES_AT,
    STATE_COUNT,
    STATES,
    STEP_ROWS,
    STEP_STORED,
    STEP_SUMMED,
    STEP_ZERO,
    SUMS_ROW,
    TABLE_ROWS,
    WEIGHTS_AT,
)
from ...loops.cpu.grouping import COUNTING_ROWS
from ...loops.cpu.table_step import scratch_bytes
from . import loops
from .parts import ELEMENTS_PER_ROW
from .plain_step import bump_of, fill, row_block
from .table_steps import TableStep

# Positions have 32 bits.
MOST_INDICES = 2**31


class PlainLookup(NamedTuple):
    """The memory of one lookup.

    Attributes:
        gradient: its gradient, one row for each bag.
        indices: the indices.
        starts: where each bag begins; None if each index is a bag of its own.
        weights: the factor of each index, or None.
    """

    gradient: Plain
    indices: Plain
    starts: Plain | None
    weights: Plain | None

    @property
    def length(self) -> int:
        """The number of indices."""
        return self.indices.shape[0]

    def record(self) -> tuple[int, ...]:
        """What ``loops/cpu/lookups.py`` reads."""
        gradient, indices, starts, _ = self
        bags, *row = gradient.shape
        own = (0, 0) if starts is None else (starts.address, starts.itemsize)
        row_bytes = gradient.itemsize * math.prod(row)
        return indices.address, self.length, indices.itemsize, *own, bags, gradient.address, row_bytes


class PlainTable(NamedTuple):
    """The memory of the states of a table.

    Attributes:
        variable: the memory of the variable.
        addresses: of all states in their order.
        owners: what keeps the memory.
    """

    variable: Plain
    addresses: list[int]
    owners: Sequence[Any]


def table_step(
    operator: Any,
    states: Sequence[Any],
    lookups: Sequence[Any],
    rows: str,
    scalars: Sequence[float],
    written: Sequence[int],
) -> TableStep | None:
    """Check the step of a table by lookups whose indices, starts and weights no one else can change.

    Args:
        operator, states, rows, scalars: as ``Operator.step`` takes them.
        lookups: see ``operators/bags.py``.
        written: the numbers of the states that the step changes.
    """
    for value in scalars:
        if type(value) is not float:
            return None
    plain = plain_table(states, operator.array_spec.kinds)
    if plain is None:
        return None
    variable = plain.variable
    (table, *row), storage, every_row = variable.shape, variable.storage, rows == "every"
    found = plain_lookups(lookups, storage, variable.shape[1:])
    count, width = sum(each.length for each in found), math.prod(row)
    # With more rows, they are not numbered in their order, in which every row takes the step.
    few = table > COUNTING_ROWS * count
    if not count * table * width or count >= MOST_INDICES or (every_row and few):
        return None
    functions = operator.functions_of.get(storage) or operator.functions_for(storage)
    block = (functions.plain_blocks.get((table, width)) or row_block(functions, table, width))[:]
    fill(functions, block, plain.addresses, found[0].gradient.address, scalars)
    block[GRADIENT_BYTES] = found[0].gradient.nbytes
    if functions.evaluate_and_compare(block.buffer_info()[0]) or any(overlap(block, each) for each in found[1:]):
        return None
    records = add_lookups(block, functions.compute, found)
    block[TABLE_ROWS], block[COUNT], block[SUMS_ROW] = table, count, width * variable.itemsize
    # The storage type of wide tables is the compute type.
    block[STEP_STORED] = block[STEP_SUMMED] = functions.stored
    block[GROUP_ROWS], block[STEP_ROWS] = loops.address("group_rows"), loops.address("summed_rows")
    work = count * (width + ELEMENTS_PER_ROW)
    if every_row:
        block[STEP_ZERO], work = functions.zero, work + table * width
    memory, scratch = (plain.owners, found, records), scratch_bytes(count, width * variable.itemsize)
    return TableStep(operator.name, table, block, work, scratch, bump_of(written, variable, states), memory)


def plain_table(states: Sequence[Any], kinds: Sequence[str]) -> PlainTable | None:
    """The memory of states with a number for each element or row, if all are plain and of one storage type."""
    elements = plain_memory([state for state, kind in zip(states, kinds, strict=True) if kind == "element"])
    if elements is None or not elements.shape:
        return None
    if len(elements.addresses) == len(states):
        return PlainTable(elements, elements.addresses, elements.owners)
    known, addresses, owners = iter(elements.addresses), [], [*elements.owners]
    for state, kind in zip(states, kinds, strict=True):
        if kind == "element":
            addresses.append(next(known))
            continue
        memory = plain_memory([state]) if kind == "row" else None
        if memory is None or memory.storage != elements.storage or memory.shape != elements.shape[:1]:
            return None
        addresses.append(memory.address)
        owners += memory.owners
    return PlainTable(elements, addresses, owners)


def plain_lookups(lookups: Sequence[Any], storage: str, row: Sequence[int]) -> list[PlainLookup]:
    """The memory of lookups; none if one of them is not plain, or several have weights."""
    found = []
    for lookup in lookups:
        memory = plain_lookup(*lookup)
        if memory is None or memory.gradient.storage != storage or memory.gradient.shape[1:] != row:
            return []
        if memory.weights is not None and (memory.weights.storage != storage or len(lookups) > 1):
            return []
        found.append(memory)
    return found


def plain_lookup(gradient: Any, indices: Any, starts: Any, weights: Any) -> PlainLookup | None:
    """The memory of a lookup, if all shapes fit."""
    values, rows = plain_memory([gradient]), plain_integers(indices)
    if values is None or rows is None or not values.shape:
        return None
    begins, factors = None, None
    if starts is not None:
        begins = plain_integers(starts)
        if begins is None:
            return None
    if weights is not None:
        factors = plain_memory([weights])
        if factors is None or factors.shape != rows.shape:
            return None
    fits = values.shape[0] == (rows if begins is None else begins).shape[0]
    return PlainLookup(values, rows, begins, factors) if fits else None


def add_lookups(block: "array[int]", compute: str, lookups: Sequence[PlainLookup]) -> "array[int]":
    """Write to a block what sums the gradients of lookups; returns their records."""
    weights = lookups[0].weights
    records = array("q", [number for each in lookups for number in each.record()])
    block[LOOKUPS_AT], block[LOOKUPS] = records.buffer_info()[0], len(lookups)
    # Without bags, the gradient rows of a single lookup lie one behind the other.
    block[SOURCES_AT] = len(lookups) > 1 or lookups[0].starts is not None
    block[LOAD_SUM], block[ADD_TO_SUM] = loops.sum_functions(compute, compute, weights is not None)
    block[WEIGHTS_AT] = 0 if weights is None else weights.address
    return records


def overlap(block: "array[int]", lookup: PlainLookup) -> bool:
    """Return whether the gradient of a lookup shares memory with a state of a block."""
    start, stop = lookup.gradient.address, lookup.gradient.address + lookup.gradient.nbytes
    records = range(STATES, STATES + RECORD * block[STATE_COUNT], RECORD)
    return any(start < block[each + ADDRESS] + block[each + BYTES] and block[each + ADDRESS] < stop for each in records)
