"""The loop for rules whose sums reach beyond a row: the elements are gone through once a stage.

The table is seen as matrices of ``rows`` rows each. Each program adds up its own rows; what they make together is known
in the next stage.
"""

from typing import Any

import triton.language as tl

from .span_words import take


def whole_tensor(
    states: Any,
    row_strides: Any,
    gradient: Any,
    row_sums: Any,
    totals: Any,
    column_sums: Any,
    block_sums: Any,
    block_column_sums: Any,
    blocks: Any,
    rows: Any,
    all_rows: Any,
    elements: Any,
    width: Any,
    scalars: Any,
    STAGE: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """A program's rows, one of ``blocks`` parts of a matrix, take their part in a stage."""
    block = tl.program_id(0).to(tl.int64)
    matrix = block // blocks
    row = matrix * rows + block % blocks * ROWS + tl.arange(0, ROWS)[:, None]
    take(
        STAGE,
        states,
        row_strides,
        gradient,
        row,
        row < (matrix + 1) * rows,
        block,
        matrix,
        blocks,
        rows,
        all_rows,
        elements,
        row_sums,
        totals,
        column_sums,
        block_sums,
        block_column_sums,
        width,
        scalars,
        COLUMNS,
    )
