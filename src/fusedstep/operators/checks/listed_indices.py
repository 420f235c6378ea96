"""Row indices that lend no memory: lists, ranges, and what becomes a NumPy array, such as a Series of pandas."""

import operator as functions
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arrays.borrow import kind, lends_memory

# The integers of an array, and those whose differences are such, too.
INT64, INT63 = range(-(2**63), 2**63), range(-(2**62), 2**62)
INDICES = "indices"
EXPECTED = "expected an array, a list or a range of integers"
FROM_MASK = "; of a mask pass np.flatnonzero(mask)"


def as_array(operator: str, indices: Any, variable: str, rows: int, name: str = INDICES) -> Any:
    """Row indices that lend no memory, as a NumPy array; others as they are.

    Args:
        operator: the operator, for messages.
        indices: what the caller passes.
        variable: the array whose rows they are, for messages.
        rows: how many it has.
        name: the argument, for messages.

    Raises:
        TypeError: they are not integers.
        ValueError: they have several dimensions, or there are 2**31 or more.
        IndexError: one is an integer of more than 64 bits.
    """
    if isinstance(indices, range):
        return of_range(operator, indices, variable, rows, name)
    if isinstance(indices, list | tuple):
        return of_sequence(operator, indices, variable, rows, name)
    if lends_memory(indices):
        return indices
    if hasattr(indices, "__array__"):
        return of_array_like(operator, indices, variable, rows, name)
    if isinstance(indices, Sequence) and not isinstance(indices, str):
        return of_sequence(operator, indices, variable, rows, name)
    raise TypeError(f"{operator}: {name} is {kind(indices)}, {EXPECTED}")


def of_range(operator: str, indices: range, variable: str, rows: int, name: str = INDICES) -> np.ndarray:
    """The integers of a range."""
    if not indices:
        return np.empty(0, np.int64)
    first, last = indices[0], indices[-1]
    count = (last - first) // indices.step + 1
    for place, each in ((0, first), (count - 1, last)):
        if each not in INT63:
            raise IndexError(no_such_row(operator, place, each, rows, variable, name))
    # Before the memory is allocated.
    check_count(operator, count, name)
    # A step beyond 64 bits is that of a range of one.
    step = indices.step if count > 1 else 1
    return np.arange(first, last + (1 if step > 0 else -1), step, dtype=np.int64)


def of_sequence(operator: str, indices: Sequence[Any], variable: str, rows: int, name: str = INDICES) -> np.ndarray:
    """The integers of a list, or of what is like one."""
    values = list(indices)
    if set(map(type, values)) != {int}:
        values = [as_integer(operator, place, each, name) for place, each in enumerate(values)]
    try:
        return np.array(values, np.int64)
    except OverflowError:
        place = next(place for place, each in enumerate(values) if each not in INT64)
        raise IndexError(no_such_row(operator, place, values[place], rows, variable, name)) from None


def as_integer(operator: str, place: int, value: Any, name: str) -> int:
    """An element of a list as an integer.

    Raises:
        TypeError: it is not one.
    """
    truth = isinstance(value, bool | np.bool_) or "bool" in str(getattr(value, "dtype", ""))
    if not truth and not getattr(value, "ndim", 0):
        try:
            return functions.index(value)
        except TypeError:
            pass
    remedy = FROM_MASK if truth and name == INDICES else ""
    raise TypeError(f"{operator}: {name}[{place}] is {kind(value)}, expected an integer{remedy}")


def of_array_like(operator: str, indices: Any, variable: str, rows: int, name: str = INDICES) -> np.ndarray:
    """The integers of an object that makes a NumPy array of itself."""
    try:
        array: np.ndarray = np.asarray(indices)
    except (RuntimeError, TypeError, ValueError) as error:
        raise TypeError(
            f"{operator}: {name} is {kind(indices)}, which does not become a NumPy array ({error}); {EXPECTED}"
        ) from error
    if array.dtype.kind == "O" and array.ndim == 1:
        return of_sequence(operator, array.tolist(), variable, rows, name)
    if array.dtype.kind == "f":
        raise TypeError(
            f"{operator}: {name} is {kind(indices)}, which becomes an array of {array.dtype}, "
            "expected integers, none of them missing"
        )
    return array


def check_count(operator: str, count: int, name: str = INDICES) -> None:
    """Check that indices are not more than a call can take.

    Raises:
        ValueError: there are 2**31 or more.
    """
    if count >= 2**31:
        raise ValueError(f"{operator}: {name} has {count} entries, expected fewer than 2**31 in one call")


def no_such_row(operator: str, place: int, value: int, rows: int, variable: str, name: str = INDICES) -> str:
    """The message for an index that names no row."""
    return f"{operator}: {name}[{place}] is {value}, expected 0 to {rows - 1}: {variable} has {rows} rows"
