"""Memory by its address: what loops are made of. Numba compiles each function here to an instruction or two."""

import ctypes
from functools import cache
from typing import Any


def int64s(address: int) -> Any:
    """The 64-bit integers from an address on."""
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_int64))


def int32s(address: int) -> Any:
    """The 32-bit integers from an address on."""
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_int32))


def int16s(address: int) -> Any:
    """The 16-bit integers from an address on."""
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_int16))


def float64s(address: int) -> Any:
    """The 64-bit floats from an address on."""
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_double))


def take_step(function: int, block: int, row: int, count: int, gradient: int) -> None:
    """Calls a span function: a step of ``count`` elements from the first of ``row`` on."""
    caller(4)(function)(block, row, count, gradient)


def take_sum(function: int, sums: int, gradient: int, count: int) -> None:
    """Calls a function that loads elements of a gradient, or adds them to a sum."""
    caller(3)(function)(sums, gradient, count)


def take_closed_form(function: int, block: int, row: int, kept: int, moved: int, asks: int) -> int:
    """Calls the span function of a closed form, with the steps since which it is to take its totals; tells whether the
    row took them."""
    return int(caller(5, returns=True)(function)(block, row, kept, moved, asks))


def prefetch_to_write(address: int) -> None:
    """Asks for the cache line at an address, to be written."""


def prefetch_to_read(address: int) -> None:
    """Asks for the cache line at an address, to be read once."""


@cache
def caller(arguments: int, returns: bool = False) -> Any:
    """The type of a function of integers."""
    return ctypes.CFUNCTYPE(ctypes.c_int64 if returns else None, *[ctypes.c_int64] * arguments)
