"""Check row indices."""

from typing import Any, NoReturn

import numpy as np

from ...arrays.borrow import dtype_name, holds_integers
from ...arrays.layout import Rows
from ...arrays.tensor_view import TensorView
from ...arrays.torch_tensors import is_tensor
from ...runtime.cpu.grouping import Groups, group
from .arrays import view_memory
from .listed_indices import FROM_MASK, as_array, check_count, no_such_row


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


def copy_indices(operator: str, array: Any, variable: str, shape: tuple[int, ...], private: bool = False) -> np.ndarray:
    """Copy row indices, unless they are private: concurrent writes must not affect the call; see ``view_indices``."""
    view = view_indices(operator, array, variable, shape)
    snapshot: np.ndarray = view.astype(np.int64, order="C", copy=not private)
    return snapshot


def view_indices(operator: str, array: Any, variable: str, shape: tuple[int, ...]) -> np.ndarray:
    """The memory of row indices, or of a copy if they lend none.

    Raises:
        TypeError: they are not integers.
        ValueError: they do not have one dimension, or there are 2**31 or more, or the variable has no dimensions.
        IndexError: one is an integer of more than 64 bits.
    """
    if not shape:
        raise ValueError(f"{operator}: {variable} has no dimensions, expected at least one, for the rows")
    if type(array) is not np.ndarray:
        array = as_array(operator, array, variable, shape[0])
    view = view_memory(operator, "indices", array)
    if not holds_integers(array, view):
        remedy = remedy_of_mask(array) if view.dtype.kind == "b" else ""
        raise TypeError(f"{operator}: indices holds {dtype_name(array, view)}, expected integers{remedy}")
    if view.ndim != 1:
        raise ValueError(f"{operator}: indices has shape {view.shape}, expected one dimension")
    check_count(operator, view.size)
    found: np.ndarray = view
    return found


def remedy_of_mask(array: Any) -> str:
    """What to pass instead of a mask."""
    # NumPy's function takes a tensor, and gives something else for it.
    tensor = isinstance(array, TensorView) or is_tensor(array)
    return "; of a mask pass the numbers of the rows where it is True" if tensor else FROM_MASK


def group_indices(operator: str, array: Any, snapshot: np.ndarray, variable: str, table: Rows) -> Groups:
    """The rows that a snapshot of indices names.

    Raises:
        IndexError: an index names no row of the variable.
    """
    groups = group(snapshot, table.rows)
    if groups.distinct < 0:
        place = -1 - groups.distinct
        refuse_outside(operator, array, place, int(snapshot[place]), variable, table.rows)
    return groups


def refuse_outside(operator: str, array: Any, place: int, value: int, variable: str, rows: int) -> NoReturn:
    """Refuse an index that names no row.

    Args:
        operator, variable, rows: the operator, the variable and its rows.
        array: the indices as they are given.
        place, value: the position of the index, and its value in 64 bits.

    Raises:
        IndexError: always.
    """
    if value < 0 and view_indices(operator, array, variable, (rows,)).dtype.kind == "u":
        value += 2**64
    raise IndexError(no_such_row(operator, place, value, rows, variable))
