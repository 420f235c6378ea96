"""Denormal numbers in steps of rows."""

from functools import partial

import numpy as np
import pytest

import fusedstep as fs
from tests import reference
from tests.jax.test_sparse import MOMENTUM, expected, inputs, momentum

jax = pytest.importorskip("jax")
pytest.importorskip("optax")


@pytest.mark.parametrize("threads_used", [1, 3])
@pytest.mark.usefixtures("split_small")
def test_denormals_are_preserved_with_any_number_of_threads(threads_used: int) -> None:
    fs.set_num_threads(threads_used)
    table = np.full((40, 5), 2.0**-140, np.float32)
    step = jax.jit(partial(fs.jax.sparse_update, fs.rules.gradient_descent, lr=0.5))
    new, _ = step(table, (), np.arange(40, dtype=np.int32), table)
    assert (np.asarray(new).view(np.int32) == np.float32(2.0**-141).view(np.int32)).all()
    # The environment is restored afterwards.
    assert np.float32(2.0**-140) * np.float32(0.5) == np.float32(2.0**-141)


def test_without_access_to_the_floating_point_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    table, mean, ids, grads = inputs()
    monkeypatch.setattr("fusedstep.jax.denormals.environment", lambda: None)
    new, _ = fs.jax.sparse_update(momentum, table, (mean,), ids, grads, **MOMENTUM)
    reference.assert_same_bits(new, expected(table, mean, ids, grads)[0])
