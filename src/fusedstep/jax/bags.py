"""The checks of gradients of bags. Of traced offsets only the number and the type are known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..operators.bags import Bags
from ..operators.operator import Operator
from . import arrays
from .row_ids import parse_integers, parse_row_ids


def parse_bags(operator: Operator, given: Bags, table: jax.Array) -> Bags:
    """The gradients of rows, or of bags of rows, as arrays of JAX.

    Raises:
        TypeError: an array is no array, or its type is invalid.
        ValueError: its shape is invalid, or offsets that are not traced are no beginnings of bags.
        IndexError: an id that is not traced is out of range.
    """
    ids = parse_row_ids(operator, given.indices, table)
    offsets = None if given.offsets is None else parse_offsets(operator, given, len(ids))
    rows = len(ids) if offsets is None else bags_of(operator, given.gradient, len(offsets))
    gradient = arrays.parse_gradient(operator, "grads", given.gradient, (rows, *table.shape[1:]), table)
    weights = given.weights
    if weights is not None:
        weights = arrays.parse_gradient(operator, "weights", weights, ids.shape, table)
    return Bags(gradient, ids, offsets, weights)


def parse_offsets(operator: Operator, given: Bags, ids: int) -> jax.Array:
    """The offsets as integers in one dimension.

    Raises:
        TypeError: they are not integers.
        ValueError: they do not have one dimension, or are not traced and no beginnings of bags of ``ids`` ids.
    """
    offsets = parse_integers(operator.name, "offsets", given.offsets)
    if ids and not len(offsets):
        raise ValueError(f"{operator.name}: offsets is empty, expected where each bag begins; ids has {ids} entries")
    if not isinstance(offsets, jax.core.Tracer):
        check_offsets(operator.name, np.asarray(offsets), ids)
    return jnp.asarray(offsets)


def check_offsets(operator: str, offsets: np.ndarray, ids: int) -> None:
    """Check that offsets begin at 0, never fall, and end at most at the number of ids.

    Raises:
        ValueError: they do not.
    """
    if not len(offsets):
        return
    if offsets[0] != 0:
        raise ValueError(f"{operator}: offsets[0] is {offsets[0]}, expected 0, where the first bag begins")
    falls = offsets[1:] < offsets[:-1]
    if falls.any():
        place = int(falls.argmax())
        raise ValueError(
            f"{operator}: offsets[{place + 1}] is {offsets[place + 1]}, expected {offsets[place]} or more: bags follow "
            "one another"
        )
    if offsets[-1] > ids:
        place = int((offsets > ids).argmax())
        raise ValueError(f"{operator}: offsets[{place}] is {offsets[place]}, expected at most {ids}, the number of ids")


def bags_of(operator: Operator, gradient: Any, offsets: int) -> int:
    """The number of bags: that of the offsets, or one less where these include the end.

    Raises:
        ValueError: the gradient has another number of rows.
    """
    shape = jnp.shape(arrays.to_array(operator.name, "grads", gradient))
    rows = shape[0] if shape else offsets
    if offsets - rows not in (0, 1):
        raise ValueError(
            f"{operator.name}: grads has {rows} rows, offsets {offsets} entries; expected one row for each bag, and "
            "the offset of each bag, with or without the end of the last"
        )
    return rows
