"""The dense loop over many tensors, which take a step with the same numbers: a program steps a block of one of them."""

from typing import Any

import triton.language as tl

from .span_words import load_gradient, tensors_at, update
from .tensor_table import ADDRESSES, FIRST_BLOCK, SIZE, record_of


def dense_tensors(table: Any, tensor_of: Any, scalars: Any, RECORD: Any, ALIGNED: Any, BLOCK: Any) -> None:
    """Step the block of elements of the program."""
    step_block(record_of(table, tensor_of, RECORD), scalars, ALIGNED, BLOCK)


def step_block(record: Any, scalars: Any, ALIGNED: Any, BLOCK: Any) -> None:
    """Step the program's block of the tensor of a record."""
    states, gradient = tensors_at(record + ADDRESSES, ALIGNED)
    count = tl.load(record + SIZE)
    start = (tl.program_id(0) - tl.load(record + FIRST_BLOCK)) * BLOCK
    elements = start + tl.arange(0, BLOCK)
    if start + BLOCK <= count:
        # Without a mask, since masked loads and stores are narrow.
        update(states, elements, load_gradient(gradient + elements, None), None, scalars)
    else:
        here = elements < count
        update(states, elements, load_gradient(gradient + elements, here), here, scalars)
