"""The loop for rules with sums beyond a row: one pass over the elements per stage.

The table is seen as matrices of ``rows`` rows each. Each program sums its own row block; after each stage the partial
sums are added.
"""

from typing import Any

import triton.language as tl

from .span_words import run_stage


def whole_tensor(
    states: Any,
    row_strides: Any,
    gradient: Any,
    row_sums: Any,
    matrix_sums: Any,
    column_sums: Any,
    partial_sums: Any,
    partial_column_sums: Any,
    row_blocks: Any,
    rows: Any,
    all_rows: Any,
    elements: Any,
    width: Any,
    scalars: Any,
    STAGE: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """Run a stage on the row block of the program, one of ``row_blocks`` of a matrix."""
    row_block = tl.program_id(0).to(tl.int64)
    matrix = row_block // row_blocks
    row = matrix * rows + row_block % row_blocks * ROWS + tl.arange(0, ROWS)[:, None]
    run_stage(
        STAGE,
        states,
        row_strides,
        gradient,
        row,
        row < (matrix + 1) * rows,
        row_block,
        matrix,
        row_blocks,
        rows,
        all_rows,
        elements,
        row_sums,
        matrix_sums,
        column_sums,
        partial_sums,
        partial_column_sums,
        width,
        scalars,
        COLUMNS,
    )
