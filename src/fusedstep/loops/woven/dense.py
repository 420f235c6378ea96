"""The dense loop: every row takes the step with a row of the gradient of its own."""

from typing import Any

from .span_words import part, unbroken, update


def dense(states: Any, pitches: Any, gradient: Any, start: int, stop: int, width: int, scalars: Any) -> None:
    """Rows ``start`` to ``stop`` take the step."""
    if unbroken(pitches, width):
        update(part(states, pitches, start, stop, width), gradient[start * width : stop * width], scalars)
    else:
        for row in range(start, stop):
            update(part(states, pitches, row, row + 1, width), gradient[row * width : (row + 1) * width], scalars)
