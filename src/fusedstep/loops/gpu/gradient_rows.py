"""Where the rows of a sparse gradient lie: in one array, or each at its own address."""

from typing import Any

from .span_words import gradient_at


def gradient_places(gradient: Any, gradient_row: Any, columns: Any, width: Any) -> Any:
    """The places of some columns of a row of the gradient; ``gradient_row`` is its address if ``gradient`` is None."""
    if gradient is None:
        places = gradient_at(gradient_row, width) + columns
    else:
        places = gradient + (gradient_row * width + columns)
    return places
