"""The loop for rules whose sums reach beyond a row: the elements are gone through once a stage.

The table is seen as matrices of ``rows`` rows each. Each program adds up its own rows; what they make together is known
in the next stage.
"""

from typing import Any

import triton.language as tl

from .span_words import take


def whole_tensor(
    states: Any,
    pitches: Any,
    gradient: Any,
    row_totals: Any,
    totals: Any,
    column_totals: Any,
    block_totals: Any,
    block_columns: Any,
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
        pitches,
        gradient,
        row,
        row < (matrix + 1) * rows,
        block,
        matrix,
        blocks,
        rows,
        all_rows,
        elements,
        row_totals,
        totals,
        column_totals,
        block_totals,
        block_columns,
        width,
        scalars,
        COLUMNS,
    )
