"""The counts of steps of many tensors that are stepped on a device."""

from .memory import int64s
from .step_tensors import advance
from .tensor_table import COUNTER, TYPES

# The table, the integers of its records, and the number of tensors.
TABLE = 0
TABLE_RECORD = 1
ROWS = 2


def advance_counts(request: int) -> None:
    """Count a step of each tensor that a kernel steps."""
    asked = int64s(request)
    for row in range(asked[ROWS]):
        record = asked[TABLE] + 8 * row * asked[TABLE_RECORD]
        if int64s(record)[TYPES] >= 0 and int64s(record)[COUNTER]:
            advance(record)
