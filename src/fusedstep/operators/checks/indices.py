"""Check row indices."""

from typing import Any

import numpy as np

from ...arrays.borrow import borrow, dtype_name, holds_integers
from ...arrays.layout import Rows
from ...runtime.cpu.grouping import Groups, group
from .arrays import view_memory


def check_no_indices(operator: str, indices: Any) -> None:
    """Check that a rule with sums beyond a row gets a dense gradient.

    Raises:
        ValueError: indices are given.
    """
    if indices is not None:
        raise ValueError(
            f"{operator}: indices are given, but the rule reduces over more than a row, so no row can step alone; "
            "pass a dense gradient without indices"
        )


def copy_indices(operator: str, array: Any, variable: str, shape: tuple[int, ...]) -> np.ndarray:
    """Copy row indices so that concurrent writes cannot affect the call; see ``view_indices``."""
    snapshot: np.ndarray = view_indices(operator, array, variable, shape).astype(np.int64)
    return snapshot


def view_indices(operator: str, array: Any, variable: str, shape: tuple[int, ...]) -> np.ndarray:
    """The memory of row indices.

    Raises:
        TypeError: they are not an array of integers.
        ValueError: they do not have one dimension, or there are 2**31 or more, or the variable has no dimensions.
    """
    if not shape:
        raise ValueError(f"{operator}: {variable} has no dimensions, expected at least one, for the rows")
    view = view_memory(operator, "indices", array)
    if not holds_integers(array, view):
        raise TypeError(f"{operator}: indices holds {dtype_name(array, view)}, expected integers")
    if view.ndim != 1:
        raise ValueError(f"{operator}: indices has shape {view.shape}, expected one dimension")
    if view.size >= 2**31:
        raise ValueError(f"{operator}: indices has {view.size} entries, expected fewer than 2**31 in one call")
    found: np.ndarray = view
    return found


def group_indices(operator: str, array: Any, snapshot: np.ndarray, variable: str, table: Rows) -> Groups:
    """The rows that a snapshot of indices names.

    Raises:
        IndexError: an index names no row of the variable.
    """
    groups = group(snapshot, table.rows)
    if groups.distinct < 0:
        place = -1 - groups.distinct
        value = int(snapshot[place])
        if borrow(array).dtype.kind == "u":
            value %= 2**64
        raise IndexError(no_such_row(operator, place, value, table.rows, variable))
    return groups


def no_such_row(operator: str, place: int, value: int, rows: int, variable: str) -> str:
    """The message for an index that names no row."""
    return f"{operator}: indices[{place}] is {value}, expected 0 to {rows - 1}: {variable} has {rows} rows"
