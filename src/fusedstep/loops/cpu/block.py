"""The block: an array of 64-bit integers that describes one part of a call to loops and span functions.

They take its address. Behind the fields named here lie the records of the states, then the numbers (the values of the
rule's hoisted expressions, in the compute type), then the scalars as float64.
"""

from array import array
from collections.abc import Sequence
from struct import Struct

# Addresses of span functions: for a gradient in its storage type, for a sum in the compute type, for a zero gradient.
STEP_STORED = 0
STEP_SUMMED = 1
STEP_ZERO = 2
# The part of the call: rows of a table, places in the order of the steps, or buckets of ``catch_up``.
START = 3
STOP = 4
# Elements per row; whether the rows of every state are contiguous.
WIDTH = 5
UNBROKEN = 6
# The address of the gradient, the bytes of one of its rows, and its bytes in all.
GRADIENT = 7
GRADIENT_ROW = 8
GRADIENT_BYTES = 9
# Addresses of the arrays of ``grouping``.
FIRST_AT = 10
SLOTS_AT = 11
ORDER_AT = 12
UNIQUE_ROWS = 13
# The address of the segment sums, and the bytes of one.
SUMS = 14
SUMS_ROW = 15
# For ``every_row``: the numbers of the unique rows in ascending order of rows, and which of them lie in the part.
ASCENDING = 16
FIRST_UNIQUE = 17
LAST_UNIQUE = 18
# The offset of the numbers in bytes, relative to the block, so that it is valid in a copy.
NUMBERS = 19
# The address of the record of pending steps, see below.
PENDING = 20
# The seed of the random bits of stochastic rounding.
KEY = 21
# For rules with sums beyond a row, see ``whole_tensor``. Sizes: rows of a matrix, of all matrices and of a row block;
# row blocks of a matrix; matrices; elements. Addresses of sums: by row, by matrix, by column, and the partial sums by
# row block of the last two. The current matrix and row block.
MATRIX_ROWS = 22
ALL_ROWS = 23
ROW_BLOCK_SIZE = 24
ROW_BLOCKS = 25
MATRICES = 26
ELEMENTS = 27
ROW_SUMS = 28
MATRIX_SUMS = 29
COLUMN_SUMS = 30
PARTIAL_SUMS = 31
PARTIAL_COLUMN_SUMS = 32
MATRIX = 33
ROW_BLOCK = 34
# For ``segment_sum``: the functions that load a gradient into a sum and add one to it; the count of gradients (for
# ``catch_up``, of the rows at ``UNIQUE_ROWS``); the number of the row of each; scratch with a place for each; and the
# slots of the sums to compute.
LOAD_SUM = 35
ADD_TO_SUM = 36
COUNT = 37
INVERSE_AT = 38
POSITIONS = 39
FIRST_SLOT = 40
LAST_SLOT = 41
# For gradients of bags, else 0: the address of the gradient row of each index, and its factor in the compute type.
SOURCES_AT = 42
WEIGHTS_AT = 43
# For ``table_step``: the address of the records of its lookups, see ``lookups``; their number; the table's rows; the
# functions that group indices and that step the rows. For ``summed_rows``: how many gradients each row by number has,
# and where their positions end among those that are sorted.
LOOKUPS_AT = 44
LOOKUPS = 45
TABLE_ROWS = 46
GROUP_ROWS = 47
STEP_ROWS = 48
COUNTS_AT = 49
ENDS_AT = 50
# The count of states, then the record of each.
STATE_COUNT = 51
STATES = 52

# The record of a state: its address, the bytes from one row to the next, the bytes of a row, and the bytes from its
# first element to its end.
ADDRESS = 0
ROW_STRIDE = 1
ROW_BYTES = 2
BYTES = 3
RECORD = 4

# The record of pending steps: the numbers of the first step of the history, and the bytes from one step to the next;
# the totals since that step, and the bytes from one to the next; the scalars that the closed form also takes; the last
# step of each row; the count of steps; the window; and the address of the closed form, or 0.
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
    """The offset of the numbers, in items."""
    return STATES + RECORD * states


def scalars_at(states: int, numbers: int) -> int:
    """The offset of the scalars, in items; a float32 number takes as much room as a float64 one."""
    return numbers_at(states) + numbers


class Template:
    """Makes the blocks of a rule, with room for its states, numbers and scalars.

    Initially the rows of a state hold one element of ``state_bytes`` each.
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
        """A new block with these scalars."""
        block = self.empty[:]
        self.fill(block, scalars)
        return block

    def fill(self, block: "array[int]", scalars: Sequence[float]) -> None:
        """Write scalars into a block."""
        self.pack_into(block, self.scalars_at, *scalars)
