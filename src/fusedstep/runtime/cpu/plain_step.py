"""Steps with plain arrays that are work for one thread.

A call on tiny arrays costs what is done about it, which here is as little as can be. Each function returns False, and
changes nothing, for a call that is not plain; the checks of all calls then take it or refuse it.
"""

import ctypes
import math
from array import array
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from ...arrays import torch_tensors
from ...arrays.address import address_of
from ...arrays.plain import Plain, plain_indices, plain_memory
from ...loops.cpu.block import (
    ADD_TO_SUM,
    ADDRESS,
    ASCENDING,
    BYTES,
    COUNT,
    GRADIENT,
    GRADIENT_BYTES,
    GRADIENT_ROW,
    INVERSE_AT,
    LAST_SLOT,
    LAST_UNIQUE,
    LOAD_SUM,
    ORDER_AT,
    POSITIONS,
    RECORD,
    ROW_BYTES,
    ROW_STRIDE,
    STATES,
    STEP_STORED,
    STEP_ZERO,
    STOP,
    UNBROKEN,
    WIDTH,
)
from ...loops.cpu.grouping import INVERSE, ORDER
from ..advice import mostly_touched
from . import span_call
from .grouping import alloc_sums, group, in_row_order, segment_sum, sum_functions
from .launch import ELEMENTS_PER_ROW, LOOPS, is_for_one_thread

# Of how many shapes the blocks are kept.
SHAPES = 64


def dense(
    operator: Any, states: Sequence[Any], gradient: Any, scalars: Sequence[float], changed: Sequence[Any]
) -> bool:
    """Takes a dense step."""
    for value in scalars:
        if type(value) is not float:
            return False
    plain = plain_memory([*states, gradient])
    if plain is None:
        return False
    size = math.prod(plain.shape)
    if not size or not is_for_one_thread(size):
        return False
    functions = operator.span_functions((plain.storage,) * len(states), plain.storage)
    *addresses, gradient_at = plain.addresses
    return dense_step(functions, size, addresses, gradient_at, scalars, announcing(plain, changed))


def dense_step(
    functions: Any,
    size: int,
    addresses: Sequence[int],
    gradient_at: int,
    scalars: Sequence[float],
    announce: Callable[[], None],
) -> bool:
    """Takes a step with ``size`` elements at some addresses; ``announce`` is as in ``SpanCall``."""
    block = (functions.plain_blocks.get(size) or flat_block(functions, size))[:]
    fill(functions, block, addresses, gradient_at, scalars)
    block_at = block.buffer_info()[0]
    if functions.prepare(block_at):
        return False
    announce()
    flat_step()(block_at)
    return True


def sparse(
    operator: Any,
    states: Sequence[Any],
    gradient: Any,
    indices: Any,
    rows: str | None,
    scalars: Sequence[float],
    changed: Sequence[Any],
) -> bool:
    """Takes a step of the rows that ``rows`` says."""
    for value in scalars:
        if type(value) is not float:
            return False
    plain, named, summands = plain_memory(states), plain_indices(indices), plain_memory([gradient])
    if plain is None or named is None or summands is None or summands.storage != plain.storage:
        return False
    (table, *row), count, every = plain.shape or (0,), named.shape[0], rows == "every"
    width = math.prod(row)
    elements = max(count * (width + ELEMENTS_PER_ROW), table * width if every else 0)
    if not count * table * width or not is_for_one_thread(elements) or summands.shape != (count, *row):
        return False
    groups = group(snapshot_of(named, indices), table)
    if groups.distinct < 0:
        return False
    storage = plain.storage
    functions, sums = operator.span_functions((storage,) * len(states), storage), alloc_sums(storage, groups, width)
    block = (functions.plain_blocks.get((table, width)) or row_block(functions, table, width))[:]
    fill(functions, block, plain.addresses, summands.address, scalars)
    block[GRADIENT_BYTES] = count * block[GRADIENT_ROW]
    span_call.add_groups(block, functions, groups, sums)
    if every:
        order = in_row_order(groups, table)
        block[ASCENDING], block[LAST_UNIQUE], block[STOP] = address_of(order), groups.distinct, table
        block[STEP_ZERO] = functions.zero if groups.distinct < table else 0
    else:
        block[ORDER_AT], block[STOP] = groups.at(ORDER), groups.distinct
    add_up = segment_sum() if groups.summed else None
    if add_up:
        positions = np.empty(count, np.int32)
        block[LOAD_SUM], block[ADD_TO_SUM] = sum_functions(storage, functions.compute)
        block[COUNT], block[INVERSE_AT], block[POSITIONS] = count, groups.at(INVERSE), address_of(positions)
        block[LAST_SLOT] = groups.summed
    block_at, step = block.buffer_info()[0], span_call.loop(LOOPS[rows])
    if functions.prepare(block_at):
        return False
    # For what it says: the order of the rows is chosen already.
    mostly_touched(operator.name, groups.distinct, table)
    announcing(plain, changed)()
    if add_up:
        add_up(block_at)
    step(block_at)
    return True


def snapshot_of(named: Plain, indices: Any) -> np.ndarray:
    """A copy of plain indices, which nobody else can change."""
    if not named.tensors:
        copy: np.ndarray = indices.copy()
        return copy
    snapshot = np.empty(named.shape, np.int64)
    ctypes.memmove(address_of(snapshot), named.address, snapshot.nbytes)
    return snapshot


@cache
def flat_step() -> Callable[[int], None]:
    """Takes the step of a block of one row."""
    from ...codegen.cpu import functions

    return functions.flat_step()


def fill(
    functions: Any, block: "array[int]", addresses: Sequence[int], gradient_at: int, scalars: Sequence[float]
) -> None:
    """Writes to a block where the arrays lie, and the scalars."""
    place = STATES + ADDRESS
    for address in addresses:
        block[place] = address
        place += RECORD
    block[GRADIENT] = gradient_at
    functions.template.fill(block, scalars)


def flat_block(functions: Any, size: int) -> "array[int]":
    """The block of a step of so many elements as one row, but for what is filled in."""
    block: array[int] = functions.template.empty[:]
    for state, item in enumerate(functions.state_bytes):
        block[STATES + state * RECORD + BYTES] = size * item
    block[STEP_STORED], block[STOP], block[WIDTH] = functions.stored, 1, size
    block[GRADIENT_BYTES] = size * functions.gradient_bytes
    return keep(functions, size, block)


def row_block(functions: Any, rows: int, width: int) -> "array[int]":
    """The block of a sparse step, but for what is filled in."""
    block: array[int] = functions.template.empty[:]
    for state, item in enumerate(functions.state_bytes):
        record, row = STATES + state * RECORD, width * item
        block[record + ROW_STRIDE] = block[record + ROW_BYTES] = row
        block[record + BYTES] = rows * row
    block[WIDTH], block[UNBROKEN], block[GRADIENT_ROW] = width, True, width * functions.gradient_bytes
    return keep(functions, (rows, width), block)


def keep(functions: Any, shape: Any, block: "array[int]") -> "array[int]":
    """Keeps a block for calls of the same shape."""
    if len(functions.plain_blocks) >= SHAPES:
        functions.plain_blocks.clear()
    functions.plain_blocks[shape] = block
    return block


def announcing(plain: Plain, changed: Sequence[Any]) -> Callable[[], None]:
    """What tells the owners of arrays that these change."""
    return partial(torch_tensors.increment_version, changed) if plain.tensors else nothing


def nothing() -> None:
    """Arrays of NumPy have nobody to tell."""
