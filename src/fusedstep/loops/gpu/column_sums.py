"""The sums by column of whole matrices, from those of their row blocks.

These are too many for every program of the next launch to add them again.
"""

from typing import Any

import triton.language as tl

from .span_words import largest, word_maximum


def column_sums(
    partials: Any,
    sums: Any,
    matrices: Any,
    row_blocks: Any,
    which: Any,
    maxima: Any,
    width: Any,
    ROWS: Any,
    COLUMNS: Any,
) -> None:
    """Add some columns of a matrix, or find their maxima, for one of the sums of a rule.

    Args:
        partials: the sums of row blocks: one row for each sum, matrix and row block.
        sums: those of matrices: one row for each sum and matrix.
        matrices: the number of matrices.
        row_blocks: the row blocks of a matrix.
        which: the sums that are to be added, one bit each.
        maxima: which of them are maxima, one bit each.
        width: elements in a row.
    """
    parts = (width + COLUMNS - 1) // COLUMNS
    place = tl.program_id(0).to(tl.int64) // parts
    number = place // matrices
    if (which >> number) & 1 > 0:
        is_maximum = (maxima >> number) & 1 > 0
        nothing = tl.where(is_maximum, float("-inf"), 0.0)
        columns = tl.program_id(0) % parts * COLUMNS + tl.arange(0, COLUMNS)[None, :]
        block = tl.arange(0, ROWS)[:, None]
        addresses = partials + ((place * row_blocks + block) * width + columns)
        lanes = tl.load(addresses, mask=(block < row_blocks) & (columns < width), other=nothing)
        for begin in range(ROWS, row_blocks, ROWS):
            here = (begin + block < row_blocks) & (columns < width)
            more = tl.load(addresses + begin * width, mask=here, other=nothing)
            lanes = tl.where(is_maximum, word_maximum(lanes, more), lanes + more)
        total = tl.where(is_maximum, largest(lanes, 0, True), tl.sum(lanes, axis=0, keep_dims=True))
        tl.store(sums + (place * width + columns), total, mask=columns < width)
