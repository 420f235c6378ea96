"""The block of numbers that says everything about one part of a call: what lies where in it.

A block is an array of 64-bit integers. Loops and span functions get its address. Behind the fields named here stand
the records of the states; behind these the numbers that the rule's scalars come to, in the compute type; and behind
these the scalars, as float64.
"""

from array import array
from collections.abc import Sequence
from struct import Struct

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
# The first element of the gradient, the bytes of a row of it, and those of all.
GRADIENT = 7
GRADIENT_ROW = 8
GRADIENT_BYTES = 9
# Where the arrays of ``grouping`` lie.
FIRST_AT = 10
SLOTS_AT = 11
ORDER_AT = 12
UNIQUE_ROWS = 13
# The sums of rows that have several gradients, and the bytes of one.
SUMS = 14
SUMS_ROW = 15
# Of a step of every row: the unique rows by number in ascending order, and which of these lie in the part.
ASCENDING = 16
FIRST_UNIQUE = 17
LAST_UNIQUE = 18
# Where the numbers that the scalars come to lie, in bytes from the block on: a copy of a block finds its own.
NUMBERS = 19
# The pending steps of rows: another block, see below.
PENDING = 20
# What the random bits of stochastic rounding start from.
KEY = 21
# Of a rule whose sums reach beyond a row, see ``whole_tensor``: the rows of a matrix, of all matrices and of a block of
# rows; the blocks of a matrix; matrices; elements. Where sums lie: by row, by matrix, by column, and the last two by
# block of rows. The matrix and the block that the loop has come to.
MATRIX_ROWS = 22
ALL_ROWS = 23
BLOCK_ROWS = 24
BLOCKS = 25
MATRICES = 26
ELEMENTS = 27
ROW_SUMS = 28
MATRIX_SUMS = 29
COLUMN_SUMS = 30
BLOCK_SUMS = 31
BLOCK_COLUMN_SUMS = 32
MATRIX = 33
BLOCK = 34
# Of a segment sum: the functions that load a gradient into a sum, and add it to one; how many gradients there are; for
# each the number of its row; scratch with a place for each; and the slots of the sums that are to be made.
LOAD_SUM = 35
ADD_TO_SUM = 36
COUNT = 37
INVERSE_AT = 38
POSITIONS = 39
FIRST_SLOT = 40
LAST_SLOT = 41
# How many states there are; then the record of each.
STATE_COUNT = 42
STATES = 43

# The record of a state: its first element, the bytes from a row to the next, those of a row, and those from the first
# element to behind the last.
ADDRESS = 0
ROW_STRIDE = 1
ROW_BYTES = 2
BYTES = 3
RECORD = 4

# The block of pending steps: the numbers of the first step since all were awake, and the bytes from a
# step's to the next's; the totals of the closed form since that step, and the bytes from a total to the next; the
# scalars that it takes beside them; the step up to which each row is up to date; how many steps there were, and how
# many of those that a row sleeps through move its variable; and the function of the closed form, 0 where none holds.
HISTORY = 0
HISTORY_ROW = 1
TOTALS = 2
TOTALS_ROW = 3
HELD = 4
LAST_STEPS = 5
NOW = 6
WINDOW = 7
CLOSED_FORM = 8
PENDING_FIELDS = 9

ITEM = 8


def numbers_at(states: int) -> int:
    """Where the numbers of a rule with so many states begin, in items."""
    return STATES + RECORD * states


def scalars_at(states: int, numbers: int) -> int:
    """Where its scalars begin; numbers of float32 take the room of float64, too."""
    return numbers_at(states) + numbers


class Template:
    """Makes the blocks of a rule, with room for its states, numbers and scalars.

    States are taken for rows of one element, of so many bytes each, until their records say otherwise.
    """

    def __init__(self, state_bytes: Sequence[int], numbers: int, scalars: int) -> None:
        states = len(state_bytes)
        self.empty = array("q", bytes(ITEM * (scalars_at(states, numbers) + scalars)))
        self.empty[STATE_COUNT], self.empty[NUMBERS] = states, ITEM * numbers_at(states)
        for record, size in zip(range(STATES, numbers_at(states), RECORD), state_bytes, strict=True):
            self.empty[record + ROW_STRIDE] = self.empty[record + ROW_BYTES] = size
        self.scalars_at = ITEM * scalars_at(states, numbers)
        self.pack_into = Struct(f"{scalars}d").pack_into

    def block(self, scalars: Sequence[float]) -> "array[int]":
        """A block that holds scalars; all other fields are 0."""
        block = self.empty[:]
        self.fill(block, scalars)
        return block

    def fill(self, block: "array[int]", scalars: Sequence[float]) -> None:
        """Writes scalars into a block."""
        self.pack_into(block, self.scalars_at, *scalars)
