"""Axes along which a value of a rule varies.

A table is seen as matrices of rows and columns; usually it is one matrix. An element varies along all three axes, the
result of a reduction along the remaining ones.
"""

CONSTANT, SCALAR = -2, -1
MATRICES, ROWS, COLUMNS = 4, 2, 1

TENSOR = 0
MATRIX = MATRICES
ROW = MATRICES | ROWS
COLUMN = MATRICES | COLUMNS
ELEMENT = MATRICES | ROWS | COLUMNS


def joined(*axes: int) -> int:
    """The axes of a result, from the axes of its operands."""
    if max(axes) < 0:
        return max(axes)
    result = TENSOR
    for each in axes:
        result |= max(each, 0)
    return result
