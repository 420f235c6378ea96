"""The loops for rules whose sums reach beyond a row: the elements are gone through once a stage.

The table is seen as matrices of rows. Sums are taken by block of rows first, blocks of a size that no number of threads
changes, and put together between two stages.
"""

from .block import (
    BLOCK,
    BLOCK_COLUMN_SUMS,
    BLOCK_ROWS,
    BLOCK_SUMS,
    BLOCKS,
    COLUMN_SUMS,
    ELEMENTS,
    GRADIENT,
    GRADIENT_ROW,
    MATRICES,
    MATRIX,
    MATRIX_ROWS,
    MATRIX_SUMS,
    START,
    STEP_STORED,
    STOP,
    WIDTH,
)
from .memory import float64s, int64s, take_step

# Where neither rows nor columns matter, elements are taken in rows of so many.
CHUNK = 4096
# How many blocks a matrix is cut into at most: what is added up by column takes a row a block.
MOST_BLOCKS = 64
ROWS_PER_BLOCK = 8


def block_rows(rows: int) -> int:
    """How many rows of a matrix are a block."""
    return max(ROWS_PER_BLOCK, (rows + MOST_BLOCKS - 1) // MOST_BLOCKS)


def blocks_of(rows: int) -> int:
    """How many blocks a matrix is cut into."""
    height = block_rows(rows)
    return (rows + height - 1) // height


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


def reduce_partials(block: int, totals: int, over_all: int, columns: int) -> None:
    """Adds up what the blocks of rows have added up.

    Args:
        block: of a part of the call.
        totals: how many sums there are by matrix or over everything.
        over_all: which of these are over everything, a bit for each.
        columns: how many sums there are by column.
    """
    call = int64s(block)
    matrices, blocks = call[MATRICES], call[BLOCKS]
    add_up(call[MATRIX_SUMS], call[BLOCK_SUMS], totals * matrices, blocks, 1)
    add_up(call[COLUMN_SUMS], call[BLOCK_COLUMN_SUMS], columns * matrices, blocks, call[WIDTH])
    by_matrix = float64s(call[MATRIX_SUMS])
    for number in range(totals):
        if over_all >> number & 1:
            first, everything = number * matrices, 0.0
            for place in range(first, first + matrices):
                everything += by_matrix[place]
            for place in range(first, first + matrices):
                by_matrix[place] = everything


def add_up(sums_at: int, terms_at: int, sums: int, terms: int, width: int) -> None:
    """Adds up so many rows of numbers for each row of sums, one after the other."""
    summed, added = float64s(sums_at), float64s(terms_at)
    for number in range(sums):
        first = number * width
        for i in range(first, first + width):
            summed[i] = 0.0
        for row in range(number * terms, (number + 1) * terms):
            for i in range(width):
                summed[first + i] += added[row * width + i]
