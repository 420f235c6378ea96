"""The dense loop: every element takes the step with an element of the gradient of its own."""

from typing import Any

import triton.language as tl

from .span_words import load_gradient, update


def dense(states: Any, gradient: Any, count: Any, scalars: Any, BLOCK: Any) -> None:
    """A program's block of the elements takes the step."""
    start = tl.program_id(0).to(tl.int64) * BLOCK
    elements = start + tl.arange(0, BLOCK)
    if start + BLOCK <= count:
        # Without a mask: it would be loaded and stored in small pieces.
        update(states, elements, load_gradient(gradient + elements, None), None, scalars)
    else:
        here = elements < count
        update(states, elements, load_gradient(gradient + elements, here), here, scalars)
