"""The dense loop over many tensors, which take a step with the same numbers: a program steps a block of one of them."""

from typing import Any

import triton.language as tl

from .dense import update_block
from .span_words import tensors_at
from .tensor_table import ADDRESSES, FIRST_BLOCK, SIZE, record_of


def dense_tensors(table: Any, tensor_of: Any, scalars: Any, RECORD: Any, ALIGNED: Any, BLOCK: Any) -> None:
    """Step the block of elements of the program."""
    step_block(record_of(table, tensor_of, RECORD), scalars, ALIGNED, BLOCK)


def step_block(record: Any, scalars: Any, ALIGNED: Any, BLOCK: Any) -> None:
    """Step the program's block of the tensor of a record."""
    states, gradient = tensors_at(record + ADDRESSES, ALIGNED)
    start = (tl.program_id(0) - tl.load(record + FIRST_BLOCK)) * BLOCK
    update_block(states, gradient, start, tl.load(record + SIZE), scalars, BLOCK)
