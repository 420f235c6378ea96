"""The loops for rules with sums beyond a row: one pass over the elements per stage.

The table is seen as matrices of rows. Sums are taken by row block first, of a size that does not depend on the number
of threads; after each stage the partial sums are added. Maxima are treated as sums are, and lie in the same tables.
"""

import math

from .block import (
    COLUMN_SUMS,
    ELEMENTS,
    GRADIENT,
    GRADIENT_ROW,
    MATRICES,
    MATRIX,
    MATRIX_ROWS,
    MATRIX_SUMS,
    PARTIAL_COLUMN_SUMS,
    PARTIAL_SUMS,
    ROW_BLOCK,
    ROW_BLOCK_SIZE,
    ROW_BLOCKS,
    START,
    STEP_STORED,
    STOP,
    WIDTH,
)
from .memory import float64s, int64s, take_step

# Where neither rows nor columns matter, elements are taken in rows of this many.
CHUNK = 4096
# The most row blocks of a matrix: sums by column take memory for a row each.
MOST_ROW_BLOCKS = 64
LEAST_ROW_BLOCK_SIZE = 8


def row_block_size(rows: int) -> int:
    """The number of rows in a row block of a matrix."""
    return max(LEAST_ROW_BLOCK_SIZE, (rows + MOST_ROW_BLOCKS - 1) // MOST_ROW_BLOCKS)


def row_blocks(rows: int) -> int:
    """The number of row blocks of a matrix."""
    size = row_block_size(rows)
    return (rows + size - 1) // size


def whole_tensor(block: int) -> None:
    """Run a stage on the row blocks of the part, in the order of memory."""
    call = int64s(block)
    rows, size, width, elements = call[MATRIX_ROWS], call[ROW_BLOCK_SIZE], call[WIDTH], call[ELEMENTS]
    stage, gradient, gradient_row = call[STEP_STORED], call[GRADIENT], call[GRADIENT_ROW]
    for row_block in range(call[START], call[STOP]):
        matrix = row_block // call[ROW_BLOCKS]
        first = matrix * rows + row_block % call[ROW_BLOCKS] * size
        call[MATRIX], call[ROW_BLOCK] = matrix, row_block
        for row in range(first, min(first + size, (matrix + 1) * rows)):
            take_step(stage, block, row, min(width, elements - row * width), gradient + row * gradient_row)


def column_states(block: int) -> None:
    """Step the states that hold one number a column, for the matrices of the part."""
    call = int64s(block)
    for matrix in range(call[START], call[STOP]):
        call[MATRIX] = matrix
        take_step(call[STEP_STORED], block, matrix * call[MATRIX_ROWS], call[WIDTH], call[GRADIENT])


def reduce_partials(
    block: int, matrix_sums: int, over_tensor: int, column_sums: int, matrix_maxima: int, column_maxima: int
) -> None:
    """Add the partial sums of the row blocks, in order, and find the largest of their maxima.

    Args:
        block: the block of a part of the call.
        matrix_sums: the number of sums and maxima by matrix or over the tensor.
        over_tensor: which of these are over the tensor, one bit each.
        column_sums: the number of sums and maxima by column.
        matrix_maxima, column_maxima: which of these are maxima, one bit each.
    """
    call = int64s(block)
    matrices, partials = call[MATRICES], call[ROW_BLOCKS]
    combine(call[MATRIX_SUMS], call[PARTIAL_SUMS], matrix_sums, matrix_maxima, matrices, partials, 1)
    combine(call[COLUMN_SUMS], call[PARTIAL_COLUMN_SUMS], column_sums, column_maxima, matrices, partials, call[WIDTH])
    sums = float64s(call[MATRIX_SUMS])
    for which in range(matrix_sums):
        if over_tensor >> which & 1:
            first, total = which * matrices, begin(matrix_maxima >> which & 1)
            for place in range(first, first + matrices):
                total = larger(total, sums[place]) if matrix_maxima >> which & 1 else total + sums[place]
            for place in range(first, first + matrices):
                sums[place] = total


def combine(sums_at: int, terms_at: int, sums: int, maxima: int, matrices: int, partials: int, width: int) -> None:
    """Combine, for each of ``sums`` and each matrix, ``partials`` rows of ``width`` numbers, one after another."""
    combined, terms = float64s(sums_at), float64s(terms_at)
    for place in range(sums * matrices):
        is_maximum, first = maxima >> place // matrices & 1, place * width
        for i in range(first, first + width):
            combined[i] = begin(is_maximum)
        for row in range(place * partials, (place + 1) * partials):
            if is_maximum:
                for i in range(width):
                    combined[first + i] = larger(combined[first + i], terms[row * width + i])
            else:
                for i in range(width):
                    combined[first + i] += terms[row * width + i]


def begin(is_maximum: int) -> float:
    """What a sum or a maximum begins with."""
    return -math.inf if is_maximum else 0.0


def larger(x: float, y: float) -> float:
    """The larger of two numbers; NaN if one of them is NaN."""
    return x if x >= y or x != x else y
