"""The table of many tensors: a record of ``RECORD`` 64-bit integers for each. Needs no rule.

Behind the fields named here lie the addresses of a tensor's states, then of its gradient. Programs step blocks of
``BLOCK`` elements, those of one tensor after those of another; ``tensor_of`` holds for each block its tensor.
"""

from typing import Any

import triton.language as tl

# The number of elements, the number of the tensor's first block, the place of its numbers, and the first address.
SIZE = tl.constexpr(0)
FIRST_BLOCK = tl.constexpr(1)
NUMBERS = tl.constexpr(2)
ADDRESSES = tl.constexpr(3)


def record_of(table: Any, tensor_of: Any, RECORD: Any) -> Any:
    """The record of the tensor of the program's block."""
    return table + tl.load(tensor_of + tl.program_id(0)).to(tl.int64) * RECORD


def locate_blocks(table: Any, tensor_of: Any, RECORD: Any, BLOCK: Any, AT_ONCE: Any) -> None:
    """Write for each block of the program's tensor the number of that tensor."""
    tensor = tl.program_id(0)
    record = table + tensor.to(tl.int64) * RECORD
    first = tl.load(record + FIRST_BLOCK)
    stop = first + (tl.load(record + SIZE) + BLOCK - 1) // BLOCK
    for begin in range(first, stop, AT_ONCE):
        block = begin + tl.arange(0, AT_ONCE)
        tl.store(tensor_of + block, tensor, mask=block < stop)
