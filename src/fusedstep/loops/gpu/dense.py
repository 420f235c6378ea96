"""The dense loop: every element takes the step with its own element of the gradient."""

from typing import Any

import triton.language as tl

from .span_words import load_gradient, update


def dense(states: Any, gradient: Any, count: Any, scalars: Any, BLOCK: Any) -> None:
    """Step the block of elements of the program."""
    update_block(states, gradient, tl.program_id(0).to(tl.int64) * BLOCK, count, scalars, BLOCK)


def update_block(states: Any, gradient: Any, start: Any, count: Any, scalars: Any, BLOCK: Any) -> None:
    """Step the elements of a block, which begins at ``start``, of ``count`` elements."""
    elements = start + tl.arange(0, BLOCK)
    if start + BLOCK <= count:
        # Without a mask, since masked loads and stores are narrow.
        update(states, elements, load_gradient(gradient + elements, None), None, scalars)
    else:
        here = elements < count
        update(states, elements, load_gradient(gradient + elements, here), here, scalars)
