"""Access to memory by address, for loops. Numba compiles each function to one or two instructions."""

import ctypes
from functools import cache
from typing import Any


def int64s(address: int) -> Any:
    """The 64-bit integers at an address."""
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_int64))


def int32s(address: int) -> Any:
    """The 32-bit integers at an address."""
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_int32))


def int16s(address: int) -> Any:
    """The 16-bit integers at an address."""
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_int16))


def float64s(address: int) -> Any:
    """The 64-bit floats at an address."""
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_double))


def float32s(address: int) -> Any:
    """The 32-bit floats at an address."""
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_float))


def ask_python(function: int, first: int, second: int) -> int:
    """Call a function of Python's C API, or one like it, while this thread holds the interpreter's lock.

    It may take fewer arguments: what it does not take is ignored.
    """
    return int(holding_lock(function)(first, second))


def take_step(function: int, block: int, row: int, count: int, gradient: int) -> None:
    """Call a span function: step ``count`` elements, starting with the first of ``row``."""
    caller(4)(function)(block, row, count, gradient)


def take_sum(function: int, sums: int, gradient: int, count: int) -> None:
    """Call a function that loads elements of a gradient into a sum, or adds them to it."""
    caller(3)(function)(sums, gradient, count)


def take_weighted_sum(function: int, sums: int, gradient: int, count: int, weight: int) -> None:
    """The same for elements of a gradient that are multiplied by the number at an address."""
    caller(4)(function)(sums, gradient, count, weight)


def take_closed_form(function: int, block: int, row: int, kept: int, moved: int, checked: int) -> int:
    """Call the span function of a closed form for a row; return whether it was applied.

    Args:
        function, block, row: the address of the function, the address of the block, and the row.
        kept, moved: the steps since which the kept totals and the moved totals count.
        checked: 1 to apply it only where it is valid for every element of the row, 0 to apply it anyway.
    """
    return int(caller(5, returns=True)(function)(block, row, kept, moved, checked))


def take_groups(
    function: int,
    indices: int,
    count: int,
    rows: int,
    table: int,
    groups: int,
    unique_rows: int,
    sums_due: int,
) -> int:
    """Call the loop that groups indices."""
    return int(caller(7, returns=True)(function)(indices, count, rows, table, groups, unique_rows, sums_due))


def take_loop(function: int, block: int) -> None:
    """Call a loop that takes a block."""
    caller(1)(function)(block)


def add_atomically(address: int, addend: int) -> int:
    """Add to the 64-bit integer at an address, which other threads may change, and return what it was before."""
    # Plain Python runs loops on one thread.
    before = int64s(address)[0]
    int64s(address)[0] = before + addend
    return int(before)


def prefetch_to_write(address: int) -> None:
    """Prefetch the cache line at an address, for writing."""


def prefetch_to_read(address: int) -> None:
    """Prefetch the cache line at an address, for reading once."""


@cache
def caller(arguments: int, returns: bool = False) -> Any:
    """The ctypes type of a function of integers."""
    return ctypes.CFUNCTYPE(ctypes.c_int64 if returns else None, *[ctypes.c_int64] * arguments)


# ``CFUNCTYPE`` would let go of the interpreter's lock.
holding_lock = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
