"""The dense loop where rows have gaps between them: every row takes the step with a row of the gradient of its own.

Where there are no gaps, a span function takes all rows at once, and needs no loop.
"""

from .block import GRADIENT, GRADIENT_ROW, START, STEP_STORED, STOP, WIDTH
from .memory import int64s, take_step


def dense_rows(block: int) -> None:
    """The rows of the part take the step."""
    call = int64s(block)
    step, width, gradient, gradient_row = call[STEP_STORED], call[WIDTH], call[GRADIENT], call[GRADIENT_ROW]
    for row in range(call[START], call[STOP]):
        take_step(step, block, row, width, gradient + row * gradient_row)
