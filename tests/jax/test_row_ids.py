"""The ids of rows: their types, shapes and range."""

from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from tests import reference
from tests.jax.test_sparse import MOMENTUM, expected, inputs, momentum

jax = pytest.importorskip("jax")
pytest.importorskip("optax")


IDS: dict[str, tuple[Any, type[Exception], str]] = {
    "beyond": ([0, 37], IndexError, r"momentum: ids\[1\] is 37, expected 0 to 36: var has 37 rows"),
    "negative": ([0, -1], IndexError, r"ids\[1\] is -1"),
    "wraps in 32 bits": (np.array([2**32 + 1, 0]), IndexError, r"ids\[0\] is 4294967297"),
    "floats": ([0.0, 1.0], TypeError, "momentum: ids holds float64, expected integers"),
    "none": (None, TypeError, "momentum: ids is None, expected an array of integers"),
    "a dict": ({}, TypeError, "momentum: ids is of type dict, expected an array of integers"),
    "a str": ("ids", TypeError, "momentum: ids is of type str, expected an array of integers"),
    "a list of lists": ([[0], [1, 2]], TypeError, "momentum: ids is of type list, expected an array of integers"),
    "beyond, large": (np.array([2**64 - 1], np.uint64), IndexError, r"ids\[0\] is 18446744073709551615, expected 0 to"),
    "two dimensions": ([[0, 1]], ValueError, r"momentum: ids has shape \(1, 2\), expected one dimension"),
}


@pytest.mark.parametrize("name", IDS)
def test_known_ids_are_checked(name: str) -> None:
    ids, error, message = IDS[name]
    table, mean, _, grads = inputs(37, 2)
    with pytest.raises(error, match=message):
        fs.jax.sparse_update(momentum, table, (mean,), ids, grads, **MOMENTUM)
    # Also known inside a trace.
    with pytest.raises(error, match=message):
        jax.jit(lambda table: fs.jax.sparse_update(momentum, table, (mean,), ids, grads, **MOMENTUM))(table)


def test_traced_ids_are_integers_in_one_dimension() -> None:
    table, mean, ids, grads = inputs()
    step = jax.jit(lambda ids: fs.jax.sparse_update(momentum, table, (mean,), ids, grads, **MOMENTUM))
    with pytest.raises(TypeError, match="momentum: ids holds float32, expected integers"):
        step(ids.astype(np.float32))
    with pytest.raises(ValueError, match=r"momentum: ids has shape .*, expected one dimension"):
        step(ids[:, None])
    for key in (jax.random.key(0), jax.random.split(jax.random.key(0), len(ids))):
        with pytest.raises(TypeError, match="momentum: ids holds key<fry>, expected integers"):
            step(key)
        with pytest.raises(TypeError, match="momentum: ids holds key<fry>, expected integers"):
            fs.jax.sparse_update(momentum, table, (mean,), key, grads, **MOMENTUM)


@pytest.mark.parametrize("empty", [[], ()])
def test_an_empty_list_of_ids(empty: Any) -> None:
    table, mean, _, grads = inputs()
    new, _ = fs.jax.sparse_update(momentum, table, (mean,), empty, grads[:0], **MOMENTUM)
    reference.assert_same_bits(new, table)


def test_ids_of_the_other_byte_order() -> None:
    table, mean, ids, grads = inputs()
    swapped = ids.astype(ids.dtype.newbyteorder("S"))
    new, _ = fs.jax.sparse_update(momentum, table, (mean,), swapped, grads, **MOMENTUM)
    reference.assert_same_bits(new, expected(table, mean, ids, grads)[0])
