"""The dense loop over many tensors, each with its own numbers of the step."""

from typing import Any

import triton.language as tl

from .dense_tensors import step_block
from .span_words import load_scalars
from .tensor_table import NUMBERS, record_of


def dense_tensors_by_numbers(table: Any, tensor_of: Any, numbers: Any, RECORD: Any, ALIGNED: Any, BLOCK: Any) -> None:
    """Step the block of elements of the program; a record says which row of ``numbers`` its tensor takes."""
    record = record_of(table, tensor_of, RECORD)
    step_block(record, load_scalars(numbers, tl.load(record + NUMBERS)), ALIGNED, BLOCK)
