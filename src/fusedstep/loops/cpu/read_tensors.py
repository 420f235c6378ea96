"""Reads where many tensors lie, and checks that a kernel can step them as stretches of elements.

Each tensor describes itself through the exchange API of DLPack, which fills a ``DLTensor``. Its words of 64 bits are:
the address, the device, the number of dimensions with the type above it, the addresses of shape and strides, an offset.
"""

from .memory import ask_python, float32s, float64s, int64s
from .tensor_table import ADDRESSES, BASE, BLOCK, COUNT, COUNTER, COUNTER_BYTES, SIZE, TYPES

# What is asked for. Functions: a tensor for its description, a list for an item, an item for its integer, and what
# forgets an exception.
DESCRIBE = 0
ITEM_OF = 1
AS_INTEGER = 2
FORGET_ERROR = 3
# Lists, column after column: the tensors, and where the storage of each starts and how many bytes it has.
TENSORS = 4
STARTS = 5
SIZES = 6
# The number of parameters; of columns, which are parameters, states and gradients; and whether one of counters follows.
ROWS = 7
COLUMNS = 8
COUNTED = 9
# The known types, each as DLPack has it followed by its bytes, and how many.
KNOWN = 10
KNOWN_COUNT = 11
# Room for the descriptions of a parameter and of one of its tensors.
SCRATCH = 12
# The table, and the integers of a record.
TABLE = 13
RECORD = 14
# Where the tensors lie, and where their counters do, as DLPack has a device: its kind, and above it its number.
DEVICE_OF_TENSORS = 15
DEVICE_OF_COUNTERS = 16

# Of ``DLTensor``.
DATA = 0
DEVICE = 1
DIMENSIONS = 2
SHAPE = 3
STRIDES = 4
OFFSET = 5
DESCRIPTION = 6
CPU = 1
LOW = 0xFFFFFFFF


def read_tensors(request: int) -> None:
    """Fill the table."""
    asked = int64s(request)
    for row in range(asked[ROWS]):
        record = asked[TABLE] + 8 * row * asked[RECORD]
        int64s(record)[TYPES] = read_row(request, record, row)


def read_row(request: int, record: int, row: int) -> int:
    """Read the tensors of one parameter; return their types, or -1."""
    asked, fields = int64s(request), int64s(record)
    parameter, other = asked[SCRATCH], asked[SCRATCH] + 8 * DESCRIPTION
    fields[BLOCK], types, place, size = 0, 0, 1, 0
    for column in range(asked[COLUMNS]):
        described = other if column else parameter
        kind = describe(request, described, column * asked[ROWS] + row, asked[DEVICE_OF_TENSORS])
        if kind < 0:
            return -1
        if not column:
            size = dense_size(described)
            fields[SIZE] = size
        item = int64s(asked[KNOWN])[2 * kind + 1]
        address = int64s(described)[DATA]
        if size == 0 or (column and not same_layout(parameter, described)):
            return -1
        if not lies_within(request, column * asked[ROWS] + row, address, size * item) or address % item:
            return -1
        fields[ADDRESSES + column] = address
        for before in range(column):
            start, bytes_before = fields[ADDRESSES + before], size * item_of(request, types, before)
            if start < address + size * item and address < start + bytes_before:
                return -1
        types += place * kind
        place *= BASE
    if asked[COUNTED] and not read_counter(request, record, row, types):
        return -1
    return types


def read_counter(request: int, record: int, row: int, types: int) -> bool:
    """Read the count of a parameter's steps; return whether a kernel can advance it."""
    asked, fields = int64s(request), int64s(record)
    described, number = asked[SCRATCH] + 8 * DESCRIPTION, asked[COLUMNS] * asked[ROWS] + row
    kind = describe(request, described, number, asked[DEVICE_OF_COUNTERS])
    if kind < 0:
        return False
    item, address = int64s(asked[KNOWN])[2 * kind + 1], int64s(described)[DATA]
    if item < 4 or dense_size(described) != 1 or not lies_within(request, number, address, item) or address % item:
        return False
    for column in range(asked[COLUMNS]):
        start, size = fields[ADDRESSES + column], fields[SIZE] * item_of(request, types, column)
        if start < address + item and address < start + size:
            return False
    fields[COUNTER], fields[COUNTER_BYTES] = address, item
    if asked[DEVICE_OF_COUNTERS] == CPU:
        float64s(record)[COUNT] = float64s(address)[0] if item == 8 else float32s(address)[0]
    return True


def describe(request: int, described: int, number: int, device: int) -> int:
    """Have a tensor describe itself; return the place of its type among the known ones, or -1 if it lies elsewhere."""
    asked, words = int64s(request), int64s(described)
    tensor = ask_python(asked[ITEM_OF], asked[TENSORS], number)
    if ask_python(asked[DESCRIBE], tensor, described) & LOW:
        ask_python(asked[FORGET_ERROR], 0, 0)
        return -1
    if words[DEVICE] != device or words[OFFSET]:
        return -1
    known, kind = int64s(asked[KNOWN]), (words[DIMENSIONS] >> 32) & LOW
    for place in range(asked[KNOWN_COUNT]):
        if known[2 * place] == kind:
            return place
    return -1


def dense_size(described: int) -> int:
    """The number of elements if they lie one beside another, in whatever order of dimensions; 0 if they do not."""
    words = int64s(described)
    shape, strides, dimensions = int64s(words[SHAPE]), int64s(words[STRIDES]), words[DIMENSIONS] & LOW
    size = 1
    for dimension in range(dimensions):
        size *= shape[dimension]
    reached, before = 1, 0
    while before < reached < size:
        before = reached
        for backwards in range(dimensions):
            dimension = dimensions - 1 - backwards
            if strides[dimension] == reached and shape[dimension] > 1:
                reached *= shape[dimension]
    return size if reached == size else 0


def same_layout(parameter: int, described: int) -> bool:
    """Return whether a tensor has a parameter's shape, and its elements lie in the same order."""
    first, second = int64s(parameter), int64s(described)
    dimensions = first[DIMENSIONS] & LOW
    if second[DIMENSIONS] & LOW != dimensions:
        return False
    shape, strides = int64s(first[SHAPE]), int64s(first[STRIDES])
    other_shape, other_strides = int64s(second[SHAPE]), int64s(second[STRIDES])
    for dimension in range(dimensions):
        size = shape[dimension]
        if other_shape[dimension] != size or (size > 1 and other_strides[dimension] != strides[dimension]):
            return False
    return True


def lies_within(request: int, number: int, address: int, size: int) -> bool:
    """Return whether a tensor's elements lie in its storage, which may have been shrunk."""
    asked = int64s(request)
    start = ask_python(asked[AS_INTEGER], ask_python(asked[ITEM_OF], asked[STARTS], number), 0)
    bytes_there = ask_python(asked[AS_INTEGER], ask_python(asked[ITEM_OF], asked[SIZES], number), 0)
    return start != 0 and start <= address and address + size <= start + bytes_there


def item_of(request: int, types: int, column: int) -> int:
    """The bytes of an element of a column, by the types read so far."""
    for _ in range(column):
        types //= BASE
    return int(int64s(int64s(request)[KNOWN])[2 * (types % BASE) + 1])
