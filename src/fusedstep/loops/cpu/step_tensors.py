"""The dense step of many tensors: a part of their elements, one tensor after another."""

from .block import ADDRESS, GRADIENT_ROW, RECORD, STATES, STEP_STORED
from .memory import float32s, float64s, int64s, take_step
from .tensor_table import ADDRESSES, BLOCK, COUNT, COUNTER, COUNTER_BYTES, SIZE, TYPES

# A part: the table, the integers of its records, and the number of states.
TABLE = 0
TABLE_RECORD = 1
STATE_COUNT = 2
# The first and the last tensor; the element of the first with which the part starts, and that of the last before which
# it ends.
FIRST = 3
LAST = 4
START = 5
STOP = 6
# The prepared blocks, one behind another, and the integers of each; room for one that the part writes to.
BLOCKS = 7
BLOCK_ITEMS = 8
OWN_BLOCK = 9


def step_tensors(part: int) -> None:
    """Step the tensors of the part. The count of a tensor's steps advances with its last element."""
    call = int64s(part)
    block, copied = int64s(call[OWN_BLOCK]), -1
    for number in range(call[FIRST], call[LAST] + 1):
        record = call[TABLE] + 8 * number * call[TABLE_RECORD]
        tensor = int64s(record)
        if tensor[TYPES] < 0:
            continue
        if tensor[BLOCK] != copied:
            copied = tensor[BLOCK]
            prepared = int64s(call[BLOCKS] + 8 * copied * call[BLOCK_ITEMS])
            for item in range(call[BLOCK_ITEMS]):
                block[item] = prepared[item]
        for state in range(call[STATE_COUNT]):
            block[STATES + RECORD * state + ADDRESS] = tensor[ADDRESSES + state]
        start = call[START] if number == call[FIRST] else 0
        stop = call[STOP] if number == call[LAST] else tensor[SIZE]
        gradient = tensor[ADDRESSES + call[STATE_COUNT]] + start * block[GRADIENT_ROW]
        if start < stop:
            take_step(block[STEP_STORED], call[OWN_BLOCK], start, stop - start, gradient)
        if stop == tensor[SIZE] and tensor[COUNTER]:
            advance(record)


def advance(record: int) -> None:
    """Count a step, rounded to the type of the count."""
    tensor = int64s(record)
    following = float64s(record)[COUNT] + 1.0
    if tensor[COUNTER_BYTES] == 8:
        float64s(tensor[COUNTER])[0] = following
    else:
        float32s(tensor[COUNTER])[0] = following
