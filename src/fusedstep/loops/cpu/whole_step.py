"""A whole step of a rule whose sums reach beyond a row, on one thread: what programs without Python call."""

from .block import (
    BLOCK_COLUMN_SUMS,
    BLOCK_ROWS,
    BLOCK_SUMS,
    BLOCKS,
    COLUMN_SUMS,
    ITEM,
    MATRICES,
    MATRIX_ROWS,
    MATRIX_SUMS,
    ROW_SUMS,
    START,
    STEP_STORED,
    STOP,
    WIDTH,
)
from .memory import float64s, int64s
from .whole_tensor import block_rows, blocks_of, column_states, reduce_partials, whole_tensor


def whole_step(
    block: int, workspace: int, stages_at: int, stages: int, row_sums: int, totals: int, over_all: int, columns: int
) -> None:
    """Every element takes the step.

    Args:
        block: of the call; what sums need is written here.
        workspace: scratch for as many numbers as ``workspace_items`` says.
        stages_at: the addresses of the functions of the stages; behind the last comes that of the states by column,
            or 0.
        stages: how many stages there are.
        row_sums: how many sums there are by row.
        totals, over_all, columns: as ``reduce_partials`` takes them.
    """
    call, functions = int64s(block), int64s(stages_at)
    if call[MATRICES] <= 0 or call[MATRIX_ROWS] <= 0 or call[WIDTH] <= 0:
        return
    lay_out(block, workspace, row_sums, totals, columns)
    call[START], call[STOP] = 0, call[MATRICES] * call[BLOCKS]
    for stage in range(stages):
        call[STEP_STORED] = functions[stage]
        whole_tensor(block)
        if stage + 1 < stages:
            reduce_partials(block, totals, over_all, columns)
    call[STEP_STORED], call[STOP] = functions[stages], call[MATRICES]
    if functions[stages]:
        column_states(block)


def lay_out(block: int, workspace: int, row_sums: int, totals: int, columns: int) -> None:
    """Says where sums lie, and empties those of the blocks."""
    call = int64s(block)
    matrices, rows = call[MATRICES], call[MATRIX_ROWS]
    call[BLOCK_ROWS] = block_rows(rows)
    call[BLOCKS] = blocks_of(rows)
    by_matrix, by_column = totals * matrices, columns * matrices * call[WIDTH]
    call[BLOCK_SUMS] = workspace
    call[BLOCK_COLUMN_SUMS] = call[BLOCK_SUMS] + ITEM * by_matrix * call[BLOCKS]
    call[MATRIX_SUMS] = call[BLOCK_COLUMN_SUMS] + ITEM * by_column * call[BLOCKS]
    call[COLUMN_SUMS] = call[MATRIX_SUMS] + ITEM * by_matrix
    call[ROW_SUMS] = call[COLUMN_SUMS] + ITEM * by_column
    sums = float64s(workspace)
    for number in range((by_matrix + by_column) * call[BLOCKS]):
        sums[number] = 0.0


def workspace_items(matrices: int, rows: int, width: int, row_sums: int, totals: int, columns: int) -> int:
    """How many numbers of 64 bits the sums of a step take."""
    if matrices <= 0 or rows <= 0 or width <= 0:
        return 0
    return matrices * (row_sums * rows + (totals + columns * width) * (1 + blocks_of(rows)))
