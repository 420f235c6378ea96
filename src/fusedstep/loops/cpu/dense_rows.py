"""The dense loop for rows with gaps between them: every row takes the step with its own gradient row.

Rows without gaps need no loop: a span function takes all of them at once.
"""

from .block import GRADIENT, GRADIENT_ROW, START, STEP_STORED, STOP, WIDTH
from .memory import int64s, take_step


def dense_rows(block: int) -> None:
    """Step the rows of the part."""
    call = int64s(block)
    step, width, gradient, gradient_row = call[STEP_STORED], call[WIDTH], call[GRADIENT], call[GRADIENT_ROW]
    for row in range(call[START], call[STOP]):
        take_step(step, block, row, width, gradient + row * gradient_row)
