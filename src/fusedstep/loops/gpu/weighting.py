"""The weights of the indices of a gradient of bags."""

from typing import Any

import triton.language as tl


def weighted(gradient: Any, weights: Any, place: Any, present: Any) -> Any:
    """Gradients times the weights of their indices; the gradients themselves if ``weights`` is None."""
    if weights is not None:
        gradient = gradient * tl.load(weights + place, mask=present, other=0)
    return gradient
