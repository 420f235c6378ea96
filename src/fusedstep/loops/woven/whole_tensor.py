"""The loop for rules whose sums reach beyond a row: the elements are gone through once a stage.

The table is seen as ``matrices`` of ``rows`` rows each. Sums are taken by block of rows first, blocks of a size that
no number of threads changes, and put together between two stages.
"""

from typing import Any

from .span_words import row_of_matrix, take


def whole_tensor(
    states: Any,
    pitches: Any,
    gradient: Any,
    stage: int,
    row_totals: Any,
    totals: Any,
    columns: Any,
    block_totals: Any,
    block_columns: Any,
    blocks: int,
    height: int,
    rows: int,
    elements: int,
    start: int,
    stop: int,
    width: int,
    scalars: Any,
) -> None:
    """The blocks ``start`` to ``stop``, of ``height`` rows and ``blocks`` to a matrix, take their part in a stage."""
    for block in range(start, stop):
        matrix = block // blocks
        first = matrix * rows + block % blocks * height
        for row in range(first, min(first + height, (matrix + 1) * rows)):
            size = min(width, elements - row * width)
            spans = row_of_matrix(states, pitches, row, size, matrix, width)
            take(
                stage,
                spans,
                gradient[row * width : row * width + size],
                size,
                row,
                block,
                matrix,
                rows,
                elements,
                row_totals,
                totals,
                columns,
                block_totals,
                block_columns,
                scalars,
            )
