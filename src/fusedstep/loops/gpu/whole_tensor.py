"""The loop for rules with sums beyond a row: one or two passes over the elements a launch.

The table is seen as matrices of ``rows`` rows each. Each program has some rows of a matrix, or some whole matrices; it
stores the sums of all its rows, which the programs of the next launch add up. A tensor that is small enough for one
program takes all launches in one.
"""

from typing import Any

import triton.language as tl

from .span_words import run_launches


def whole_tensor(
    states: Any,
    row_strides: Any,
    gradient: Any,
    sums: Any,
    matrices: Any,
    matrices_of_program: Any,
    row_blocks: Any,
    rows_of_block: Any,
    rows: Any,
    elements: Any,
    width: Any,
    scalars: Any,
    FIRST_LAUNCH: Any,
    LAST_LAUNCH: Any,
    PROGRAMS: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """Run some launches on the rows of the program."""
    program = tl.program_id(0).to(tl.int64)
    row_block = program % row_blocks
    first_matrix, first_row = program // row_blocks * matrices_of_program, row_block * rows_of_block
    stop_matrix, stop_row = first_matrix + matrices_of_program, first_row + rows_of_block
    run_launches(
        FIRST_LAUNCH,
        LAST_LAUNCH,
        states,
        row_strides,
        gradient,
        sums,
        matrices,
        first_matrix,
        tl.where(stop_matrix < matrices, stop_matrix, matrices),
        first_row,
        tl.where(stop_row < rows, stop_row, rows),
        row_block,
        row_blocks,
        rows,
        elements,
        width,
        scalars,
        PROGRAMS,
        ROWS,
        COLUMNS,
    )
