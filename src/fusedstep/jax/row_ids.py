"""The checks of the ids of rows."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..arrays import borrow
from ..operators.operator import Operator
from .scalars import is_array

INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def parse_row_ids(operator: Operator, given: Any, table: jax.Array) -> jax.Array:
    """The ids as integers in one dimension. Ids that are not traced are checked to be rows of the table.

    Raises:
        TypeError: they are not integers.
        ValueError: they do not have one dimension, there are 2**31 or more, or the table has no rows.
        IndexError: an id that is not traced is out of range.
    """
    variable = operator.signature.states[0]
    if not table.ndim:
        raise ValueError(f"{operator.name}: {variable} has no dimension, expected at least one, that of the rows")
    ids = parse_integers(operator.name, "ids", given)
    if not isinstance(ids, jax.core.Tracer):
        check_range(operator.name, np.asarray(ids), variable, len(table))
    return jnp.asarray(ids)


def parse_integers(operator: str, name: str, given: Any) -> Any:
    """Integers in one dimension, as an array of NumPy or JAX. Values are unchecked.

    Raises:
        TypeError: they are not integers.
        ValueError: they do not have one dimension, or there are 2**31 or more.
    """
    # Check a NumPy array before JAX narrows its type. Of a traced array only shape and type are known.
    found = given if is_array(given) else to_numpy(operator, name, given)
    if found.dtype.name not in INTEGERS:
        raise TypeError(f"{operator}: {name} holds {found.dtype.name}, expected integers of 8 to 64 bits")
    if found.ndim != 1:
        raise ValueError(f"{operator}: {name} has shape {found.shape}, expected one dimension")
    if found.size >= 2**31:
        raise ValueError(f"{operator}: {name} has {found.size} entries, expected fewer than 2**31 in one call")
    return found


def to_numpy(operator: str, name: str, given: Any) -> np.ndarray:
    """What is no array of JAX, as a NumPy array. An empty list, which has no type, becomes integers.

    Raises:
        TypeError: ``given`` is not an array.
    """
    empty = isinstance(given, list | tuple) and not given
    try:
        found = np.asarray(given, np.int32 if empty else None)
    except (TypeError, ValueError):
        found = np.asarray(None)
    if found.dtype.kind in "OSU":
        raise TypeError(f"{operator}: {name} is {borrow.kind(given)}, expected an array of integers")
    # JAX has no arrays of another byte order.
    return found.astype(found.dtype.newbyteorder("="), copy=False)


def check_range(operator: str, ids: np.ndarray, variable: str, rows: int) -> None:
    """Check that ids are rows of the table.

    Raises:
        IndexError: one is out of range.
    """
    outside = (ids < 0) | (ids >= rows)
    if outside.any():
        place = int(outside.argmax())
        raise IndexError(
            f"{operator}: ids[{place}] is {ids[place]}, expected 0 to {rows - 1}: {variable} has {rows} rows"
        )
