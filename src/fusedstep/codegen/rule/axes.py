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


def reduced_shape(kind: str, shape: tuple[int, ...], matrices: bool) -> tuple[int, ...]:
    """The shape of a state with one number per element, row or column of a variable."""
    removed = reduced_axes(kind, len(shape), matrices)
    return tuple(each for k, each in enumerate(shape) if k not in removed)


def reduced_axes(kind: str, dimensions: int, matrices: bool) -> tuple[int, ...]:
    """The axes of a variable that a state with one number per element, row or column does not have."""
    if kind == "element":
        return ()
    if kind == "column":
        return (dimensions - 2,)
    return (dimensions - 1,) if matrices else tuple(range(1, dimensions))
