"""Tables on huge pages: arrays like any other."""

import os
import pickle
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch

import fusedstep as fs


@pytest.mark.parametrize("dtype", [np.float32, "float64", np.float16, ml_dtypes.bfloat16, np.uint8])
@pytest.mark.parametrize("shape", [(70_001, 33), 2_500_000, (), (0, 5), [3]])
def test_is_an_array_of_its_own(shape: object, dtype: object) -> None:
    table = fs.empty_table(shape, dtype)  # type: ignore[arg-type]
    expected = np.empty(shape, dtype)  # type: ignore[call-overload]
    assert (table.shape, table.dtype) == (expected.shape, expected.dtype)
    assert table.flags.c_contiguous
    assert table.flags.writeable
    table[...] = 1
    assert np.array_equal(pickle.loads(pickle.dumps(table)), table)  # noqa: S301 - our own
    assert np.array_equal(fs.empty_table(shape, dtype)[...].shape, table.shape)  # type: ignore[arg-type]


def test_steps_run_on_it_and_on_tensors_of_it() -> None:
    var, accum = fs.empty_table((300_000, 8)), fs.empty_table((300_000, 8))
    assert var.ctypes.data % 2**21 == 0
    var[:], accum[:] = 1, 0
    step = fs.Operator(fs.rules.momentum)
    grad, indices = np.ones((2, 8), np.float32), np.array([299_999, 5])
    step(torch.from_numpy(var), torch.from_numpy(accum), torch.from_numpy(grad), indices, lr=0.5, momentum=0.0)
    assert var.sum() == var.size - 8
    assert accum.sum() == 16


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_fork_has_its_own_copy() -> None:
    table = fs.empty_table(1_000_000)
    table[:] = 1
    child = os.fork()
    if child == 0:
        table[:] = 2
        os._exit(0)
    os.waitpid(child, 0)
    assert (table == 1).all()


@pytest.mark.parametrize(
    ("shape", "dtype", "error"),
    [
        ((2**60,), np.float32, MemoryError),
        ((-1, 2**40), np.float32, ValueError),
        ((1,) * 33, np.float32, ValueError),
        ((0, 2**62, 2**62), np.float32, ValueError),
        ((2**64, 0), np.float32, ValueError),
        ((3,), "no type", TypeError),
        (None, np.float32, TypeError),
        (2.0, np.float32, TypeError),
        (torch.ones(2, 2), np.float32, TypeError),
        (torch.ones(2, 2).to_sparse(), np.float32, TypeError),
        (np.ones((2, 2), "m8[s]").view(np.matrix), np.float32, TypeError),
    ],
)
def test_what_cannot_be_had_is_refused(shape: Any, dtype: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^empty_table: "):
        fs.empty_table(shape, dtype)


def test_optimizers_keep_large_states_there() -> None:
    weight = torch.nn.Parameter(torch.ones(600_000, dtype=torch.bfloat16).view(-1, 3))
    weight.grad = torch.ones_like(weight)
    optimizer = fs.torch.Adagrad([weight], lr=0.5, initial_accumulator_value=2.0)
    # Below two megabytes in 16 bits; the states of FTRL are float32.
    linear = fs.torch.FTRL([weight], lr=0.5)
    linear.step()
    state = linear.state[weight]
    assert state["accum"].data_ptr() % 2**21 == 0
    assert state["accum"].dtype == torch.float32
    assert (state["accum"] == 1.1).all()
    assert (optimizer.state[weight]["sum"] == 2).all()
