"""Steps with plain arrays of too few elements for two threads.

What a call on tiny arrays costs is what is done about it, which here is as little as can be. Each function does
nothing, and returns False, where it is for others to see to a call: they say what is wrong with it.
"""

import math
from array import array
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from ..arrays import torch_tensors
from ..arrays.address import address_of
from ..arrays.plain import Plain, plain_indices, plain_memory
from ..loops.cpu.at_once import workspace_bytes
from ..loops.cpu.block import (
    ADD_TO_SUM,
    ADDRESS,
    BYTES,
    COUNT,
    GRADIENT,
    GRADIENT_BYTES,
    GRADIENT_ROW,
    INDICES,
    LAST_SLOT,
    LOAD_SUM,
    RECORD,
    ROW_BYTES,
    ROW_STRIDE,
    ROWS,
    STATES,
    STEP_STORED,
    STEP_SUMMED,
    STEP_ZERO,
    STOP,
    SUMS_ROW,
    UNBROKEN,
    WIDTH,
    WORKSPACE,
)
from . import launch, span_call
from .advice import crowded
from .grouping import sum_functions

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
    if not 0 < size < 2 * launch.ELEMENTS_PER_THREAD:
        return False
    functions = operator.span_functions((plain.storage,) * len(states), plain.storage)
    gradient_at = plain.addresses.pop()
    return dense_step(functions, size, plain.addresses, gradient_at, scalars, announcing(plain, changed))


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
    elements = table * width if every else count * (width + launch.ELEMENTS_PER_ROW)
    alone = 0 < elements < 2 * launch.ELEMENTS_PER_THREAD
    if not alone or not count * table * width or summands.shape != (count, *row):
        return False
    functions = operator.span_functions((plain.storage,) * len(states), plain.storage)
    block = (functions.plain_blocks.get((table, width, every)) or row_block(functions, table, width, every))[:]
    fill(functions, block, plain.addresses, summands.addresses[0], scalars)
    workspace = np.empty(workspace_bytes(count, table, block[SUMS_ROW], every), np.uint8)
    block[INDICES], block[COUNT], block[WORKSPACE] = named.addresses[0], count, address_of(workspace)
    block[GRADIENT_BYTES] = count * block[GRADIENT_ROW]
    block_at = block.buffer_info()[0]
    distinct = span_call.loop("group_at_once", "at_once")(block_at)
    if distinct < 0 or functions.prepare(block_at):
        return False
    if block[LAST_SLOT]:
        block[LOAD_SUM], block[ADD_TO_SUM] = sum_functions(plain.storage, plain.storage)
    crowded(operator.name, distinct, table)
    announcing(plain, changed)()
    span_call.loop("step_at_once", "at_once")(block_at)
    return True


@cache
def flat_step() -> Callable[[int], None]:
    """Takes the step of a block of one row."""
    from ..codegen.cpu import functions

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


def row_block(functions: Any, rows: int, width: int, every: bool) -> "array[int]":
    """The block of a sparse step, but for what is filled in."""
    block: array[int] = functions.template.empty[:]
    for state, item in enumerate(functions.state_bytes):
        record, row = STATES + state * RECORD, width * item
        block[record + ROW_STRIDE] = block[record + ROW_BYTES] = row
        block[record + BYTES] = rows * row
    block[STEP_STORED], block[STEP_SUMMED] = functions.stored, functions.summed
    if every:
        block[STEP_ZERO] = functions.zero
    block[ROWS], block[WIDTH], block[UNBROKEN] = rows, width, True
    block[GRADIENT_ROW] = block[SUMS_ROW] = width * functions.gradient_bytes
    return keep(functions, (rows, width, every), block)


def keep(functions: Any, shape: Any, block: "array[int]") -> "array[int]":
    """Keeps a block for calls of the same shape."""
    if len(functions.plain_blocks) == SHAPES:
        functions.plain_blocks.clear()
    functions.plain_blocks[shape] = block
    return block


def announcing(plain: Plain, changed: Sequence[Any]) -> Callable[[], None]:
    """What tells the owners of arrays that these change."""
    return partial(torch_tensors.increment_version, changed) if plain.tensors else nothing


def nothing() -> None:
    """Arrays of NumPy have nobody to tell."""
