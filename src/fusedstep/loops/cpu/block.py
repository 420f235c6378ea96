"""The block of numbers that says everything about one part of a call: what lies where in it.

A block is an array of 64-bit integers. Loops and span functions get its address. Behind the fields named here stand
the records of the states; behind these the numbers that the rule's scalars come to, in the compute type; and behind
these the scalars, as float64.
"""

from array import array
from collections.abc import Sequence

# Addresses of span functions: with a gradient as it is stored, with a sum in the compute type, and with zero.
STEP_STORED = 0
STEP_SUMMED = 1
STEP_ZERO = 2
# The part of the call: rows of a table, or places in the order of the steps.
START = 3
STOP = 4
# How many elements a row has, and whether the rows of every state lie one after another without a gap.
WIDTH = 5
UNBROKEN = 6
# The first element of the gradient, and the bytes of a row of it.
GRADIENT = 7
GRADIENT_ROW = 8
# What grouping found: see ``grouping``.
FIRST = 9
SLOTS = 10
ORDER = 11
UNIQUE_ROWS = 12
# The sums of rows that have several gradients, and the bytes of one.
SUMS = 13
SUMS_ROW = 14
# Of a step of every row: the unique rows by number in ascending order, and which of these lie in the part.
ASCENDING = 15
FIRST_UNIQUE = 16
LAST_UNIQUE = 17
# How many states there are; then the record of each.
STATE_COUNT = 18
STATES = 19

# The record of a state: its first element, the bytes from a row to the next, and those of a row.
ADDRESS = 0
ROW_STRIDE = 1
ROW_BYTES = 2
RECORD = 3

ITEM = 8
EMPTY = array("q", bytes(ITEM * STATES))


def numbers_at(states: int) -> int:
    """Where the numbers of a rule with so many states begin, in items."""
    return STATES + RECORD * states


def scalars_at(states: int, numbers: int) -> int:
    """Where its scalars begin; numbers of float32 take the room of float64, too."""
    return numbers_at(states) + numbers


def new_block(records: "array[int]", numbers: int, scalars: Sequence[float]) -> "array[int]":
    """A block of records of states, room for numbers, and scalars; all other fields are 0."""
    block = EMPTY + records
    block[STATE_COUNT] = len(records) // RECORD
    block.frombytes(bytes(ITEM * numbers))
    block.frombytes(array("d", scalars).tobytes())
    return block
