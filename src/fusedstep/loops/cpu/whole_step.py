"""A whole step of a rule with sums beyond a row, on one thread, for programs without Python."""

from .block import (
    COLUMN_SUMS,
    ITEM,
    MATRICES,
    MATRIX_ROWS,
    MATRIX_SUMS,
    PARTIAL_COLUMN_SUMS,
    PARTIAL_SUMS,
    ROW_BLOCK_SIZE,
    ROW_BLOCKS,
    ROW_SUMS,
    START,
    STEP_STORED,
    STOP,
    WIDTH,
)
from .memory import float64s, int64s
from .whole_tensor import begin, column_states, reduce_partials, row_block_size, row_blocks, whole_tensor


def whole_step(
    block: int,
    workspace: int,
    stages_at: int,
    stages: int,
    row_sums: int,
    matrix_sums: int,
    over_tensor: int,
    column_sums: int,
    matrix_maxima: int,
    column_maxima: int,
) -> None:
    """Step every element.

    Args:
        block: the block of the call; fields of sums are written here.
        workspace: scratch for ``workspace_items`` numbers.
        stages_at: the addresses of the functions of the stages, then that of the states by column, or 0.
        stages: the number of stages.
        row_sums: the number of sums by row.
        matrix_sums, over_tensor, column_sums, matrix_maxima, column_maxima: see ``reduce_partials``.
    """
    call, functions = int64s(block), int64s(stages_at)
    if call[MATRICES] <= 0 or call[MATRIX_ROWS] <= 0 or call[WIDTH] <= 0:
        return
    place_sums(block, workspace, row_sums, matrix_sums, column_sums, matrix_maxima, column_maxima)
    call[START], call[STOP] = 0, call[MATRICES] * call[ROW_BLOCKS]
    for stage in range(stages):
        call[STEP_STORED] = functions[stage]
        whole_tensor(block)
        if stage + 1 < stages:
            reduce_partials(block, matrix_sums, over_tensor, column_sums, matrix_maxima, column_maxima)
    call[STEP_STORED], call[STOP] = functions[stages], call[MATRICES]
    if functions[stages]:
        column_states(block)


def place_sums(
    block: int,
    workspace: int,
    row_sums: int,
    matrix_sums: int,
    column_sums: int,
    matrix_maxima: int,
    column_maxima: int,
) -> None:
    """Write the addresses of sums into the block, and what partial sums and maxima begin with to their places."""
    call = int64s(block)
    matrices, rows = call[MATRICES], call[MATRIX_ROWS]
    call[ROW_BLOCK_SIZE] = row_block_size(rows)
    call[ROW_BLOCKS] = row_blocks(rows)
    by_matrix, by_column = matrix_sums * matrices, column_sums * matrices * call[WIDTH]
    call[PARTIAL_SUMS] = workspace
    call[PARTIAL_COLUMN_SUMS] = call[PARTIAL_SUMS] + ITEM * by_matrix * call[ROW_BLOCKS]
    call[MATRIX_SUMS] = call[PARTIAL_COLUMN_SUMS] + ITEM * by_column * call[ROW_BLOCKS]
    call[COLUMN_SUMS] = call[MATRIX_SUMS] + ITEM * by_matrix
    call[ROW_SUMS] = call[COLUMN_SUMS] + ITEM * by_column
    fill(call[PARTIAL_SUMS], matrix_sums, matrix_maxima, matrices * call[ROW_BLOCKS])
    fill(call[PARTIAL_COLUMN_SUMS], column_sums, column_maxima, matrices * call[ROW_BLOCKS] * call[WIDTH])


def fill(sums_at: int, sums: int, maxima: int, items: int) -> None:
    """Write what each of some sums and maxima begins with to its ``items`` numbers."""
    numbers = float64s(sums_at)
    for which in range(sums):
        for item in range(which * items, (which + 1) * items):
            numbers[item] = begin(maxima >> which & 1)


def workspace_items(matrices: int, rows: int, width: int, row_sums: int, matrix_sums: int, column_sums: int) -> int:
    """The size of the workspace of a step, in numbers of 64 bits."""
    if matrices <= 0 or rows <= 0 or width <= 0:
        return 0
    return matrices * (row_sums * rows + (matrix_sums + column_sums * width) * (1 + row_blocks(rows)))
