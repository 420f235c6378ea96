"""The loops for rules whose sums reach beyond a row: the elements are gone through once a stage.

The table is seen as matrices of rows. Sums are taken by block of rows first, blocks of a size that no number of threads
changes, and put together between two stages.
"""

from .block import (
    BLOCK,
    BLOCK_ROWS,
    BLOCKS,
    ELEMENTS,
    GRADIENT,
    GRADIENT_ROW,
    MATRIX,
    MATRIX_ROWS,
    START,
    STEP_STORED,
    STOP,
    WIDTH,
)
from .memory import int64s, take_step


def whole_tensor(block: int) -> None:
    """The blocks of rows of the part, in the order of memory, take their part in a stage."""
    call = int64s(block)
    rows, height, blocks, width, elements = (
        call[MATRIX_ROWS],
        call[BLOCK_ROWS],
        call[BLOCKS],
        call[WIDTH],
        call[ELEMENTS],
    )
    stage, gradient, gradient_row = call[STEP_STORED], call[GRADIENT], call[GRADIENT_ROW]
    for number in range(call[START], call[STOP]):
        matrix = number // blocks
        first = matrix * rows + number % blocks * height
        call[MATRIX], call[BLOCK] = matrix, number
        for row in range(first, min(first + height, (matrix + 1) * rows)):
            take_step(stage, block, row, min(width, elements - row * width), gradient + row * gradient_row)


def column_states(block: int) -> None:
    """The states that hold one number a column of the matrices of the part take their step."""
    call = int64s(block)
    for matrix in range(call[START], call[STOP]):
        call[MATRIX] = matrix
        take_step(call[STEP_STORED], block, matrix * call[MATRIX_ROWS], call[WIDTH], call[GRADIENT])
