"""How far a value of a rule differs: what it is the same for.

A table is seen as matrices, each of rows and columns; nearly always it is one matrix. What differs by element differs
along all three, and what a reduction gives along those that it leaves.
"""

CONSTANT, SCALAR = -2, -1
MATRICES, ROWS, COLUMNS = 4, 2, 1

TENSOR = 0
MATRIX = MATRICES
ROW = MATRICES | ROWS
COLUMN = MATRICES | COLUMNS
ELEMENT = MATRICES | ROWS | COLUMNS


def joined(*kinds: int) -> int:
    """The kind of what is computed from values of some kinds."""
    if max(kinds) < 0:
        return max(kinds)
    result = TENSOR
    for kind in kinds:
        result |= max(kind, 0)
    return result
