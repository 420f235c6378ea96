"""Steps with plain arrays that are work for one thread.

A call on tiny arrays costs what is done about it, which here is as little as can be. Each function returns None for a
call that is not plain; the checks of all calls then take it or refuse it.
"""

import ctypes
import math
from array import array
from collections.abc import Callable, Sequence
from functools import partial
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
from ..call import BumpVersions, Launch, nothing
from . import loops, span_call
from .grouping import Groups, alloc_sums, group, in_row_order
from .parts import ELEMENTS_PER_ROW, is_for_one_thread

# Of how many shapes the blocks are cached.
SHAPES = 64


def launch(block: "array[int]", stages: Sequence[Callable[[int], None]], bump: BumpVersions, memory: Any) -> None:
    """Run a checked call.

    Args:
        block: the block of the call.
        stages: what takes it, one after the other.
        bump: raises the version counters of the states.
        memory: what the block speaks of, kept until the call is done.
    """
    block_at = block.buffer_info()[0]
    bump()
    for stage in stages:
        stage(block_at)


def prepare_dense(
    operator: Any, states: Sequence[Any], gradient: Any, scalars: Sequence[float], written: Sequence[int]
) -> Launch | None:
    """Check a dense step."""
    for value in scalars:
        if type(value) is not float:
            return None
    plain = plain_memory([*states, gradient])
    if plain is None:
        return None
    size = math.prod(plain.shape)
    if not size or not is_for_one_thread(size):
        return None
    functions = operator.functions_of.get(plain.storage) or operator.functions_for(plain.storage)
    return dense_call(functions, size, plain, scalars, bump_of(written, plain, states))


def dense_call(functions: Any, size: int, plain: Plain, scalars: Sequence[float], bump: BumpVersions) -> Launch | None:
    """The call of a step with ``size`` elements of plain states, and behind these a gradient; None where two of them
    share memory."""
    block = (functions.plain_blocks.get(size) or flat_block(functions, size))[:]
    *addresses, gradient_at = plain.addresses
    fill(functions, block, addresses, gradient_at, scalars)
    if functions.evaluate_and_compare(block.buffer_info()[0]):
        return None
    return partial(launch, block, (loops.flat_step(),), bump, plain.owners)


def prepare_sparse(
    operator: Any,
    states: Sequence[Any],
    gradient: Any,
    indices: Any,
    rows: str | None,
    scalars: Sequence[float],
    written: Sequence[int],
) -> Launch | None:
    """Check a step of the rows that ``rows`` says."""
    for value in scalars:
        if type(value) is not float:
            return None
    plain, given, summands = plain_memory(states), plain_indices(indices), plain_memory([gradient])
    if plain is None or given is None or summands is None or summands.storage != plain.storage:
        return None
    (table, *row), count, every = plain.shape or (0,), given.shape[0], rows == "every"
    width = math.prod(row)
    elements = max(count * (width + ELEMENTS_PER_ROW), table * width if every else 0)
    if not count * table * width or not is_for_one_thread(elements) or summands.shape != (count, *row):
        return None
    groups = group(snapshot_of(given, indices), table)
    if groups.distinct < 0:
        return None
    storage = plain.storage
    functions = operator.functions_of.get(storage) or operator.functions_for(storage)
    sums = alloc_sums(storage, groups, width)
    block = (functions.plain_blocks.get((table, width)) or row_block(functions, table, width))[:]
    fill(functions, block, plain.addresses, summands.address, scalars)
    block[GRADIENT_BYTES] = count * block[GRADIENT_ROW]
    span_call.add_groups(block, functions, groups, sums)
    order = in_row_order(groups, table) if every else None
    if order is not None:
        block[ASCENDING], block[LAST_UNIQUE], block[STOP] = address_of(order), groups.distinct, table
        block[STEP_ZERO] = functions.zero if groups.distinct < table else 0
    else:
        block[ORDER_AT], block[STOP] = groups.at(ORDER), groups.distinct
    positions = add_segment_sum(block, functions, storage, groups) if groups.summed else None
    if functions.evaluate_and_compare(block.buffer_info()[0]):
        return None
    # For the advice: the order of the rows is chosen already.
    mostly_touched(operator.name, groups.distinct, table)
    step = loops.loop(loops.LOOPS[rows])
    stages = (loops.loop("segment_sum"), step) if groups.summed else (step,)
    memory = plain.owners, summands.owners, groups, sums, order, positions
    return partial(launch, block, stages, bump_of(written, plain, states), memory)


def add_segment_sum(block: "array[int]", functions: Any, storage: str, groups: Groups) -> np.ndarray:
    """Write to a block what a segment sum needs; returns its scratch."""
    positions = np.empty(groups.indices, np.int32)
    block[LOAD_SUM], block[ADD_TO_SUM] = loops.sum_functions(storage, functions.compute)
    block[COUNT], block[INVERSE_AT], block[POSITIONS] = groups.indices, groups.at(INVERSE), address_of(positions)
    block[LAST_SLOT] = groups.summed
    return positions


def snapshot_of(given: Plain, indices: Any) -> np.ndarray:
    """A copy of plain indices, which nobody else can change."""
    if not given.tensors:
        copy: np.ndarray = indices.copy()
        return copy
    snapshot = np.empty(given.shape, np.int64)
    ctypes.memmove(address_of(snapshot), given.address, snapshot.nbytes)
    return snapshot


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
    return cached(functions, size, block)


def row_block(functions: Any, rows: int, width: int) -> "array[int]":
    """The block of a sparse step, but for what is filled in."""
    block: array[int] = functions.template.empty[:]
    for state, (item, kind) in enumerate(zip(functions.state_bytes, functions.kinds, strict=True)):
        record, row = STATES + state * RECORD, item if kind == "row" else width * item
        block[record + ROW_STRIDE] = block[record + ROW_BYTES] = row
        block[record + BYTES] = rows * row
    block[WIDTH], block[UNBROKEN] = width, not functions.by_rows
    block[GRADIENT_ROW] = width * functions.gradient_bytes
    return cached(functions, (rows, width), block)


def cached(functions: Any, shape: Any, block: "array[int]") -> "array[int]":
    """Cache a block for calls of the same shape."""
    if len(functions.plain_blocks) >= SHAPES:
        functions.plain_blocks.clear()
    functions.plain_blocks[shape] = block
    return block


def bump_of(written: Sequence[int], plain: Plain, states: Sequence[Any]) -> BumpVersions:
    """What raises the version counters of the arrays that change."""
    return partial(torch_tensors.increment_version, [states[k] for k in written]) if plain.tensors else nothing
