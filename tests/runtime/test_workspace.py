"""Scratch memory: arrays that live at the same time never share it, and what is cached is bounded."""

import gc
import threading

import numpy as np
import pytest

import fusedstep as fs
from fusedstep import rules
from fusedstep.arrays.address import address_of
from fusedstep.runtime.cpu import workspace
from fusedstep.runtime.cpu.grouping import group

LARGE = 1 << workspace.SMALLEST_BITS


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("count", [0, 1, 1000, LARGE // 4, LARGE // 4 + 1, LARGE, 3 * LARGE + 5])
def test_arrays_are_as_asked(count: int, dtype: type) -> None:
    array = workspace.empty(count, dtype)
    assert array.shape == (count,)
    assert array.dtype == dtype
    assert array.flags.carray
    array[...] = -1
    assert (array == -1).all()


def test_memory_is_used_again_only_when_its_array_is_gone() -> None:
    first = workspace.empty(LARGE, np.int32)
    second = workspace.empty(LARGE, np.int32)
    assert not np.shares_memory(first, second)
    address = address_of(first)
    del first
    gc.collect()
    third = workspace.empty(LARGE - 7, np.int32)
    assert address_of(third) == address
    assert not np.shares_memory(second, third)


def test_what_is_cached_is_bounded() -> None:
    bits = workspace.LARGEST_BITS
    arrays = [workspace.empty(1 << bits, np.int8) for _ in range(3 + (workspace.CACHED_BYTES >> bits))]
    del arrays
    gc.collect()
    assert len(workspace._free[bits]) == workspace.CACHED_BYTES >> bits
    workspace._free[bits].clear()


def test_groups_hold_their_memory() -> None:
    random = np.random.default_rng(0)
    indices = [random.integers(0, 5000, 20_000) for _ in range(6)]
    groups = [group(each, 5000) for each in indices]
    for found, each in zip(groups, indices, strict=True):
        unique, inverse = found.unique_rows[: found.distinct], found.arrays[0]
        assert (unique[inverse] == each).all()


def test_threads_do_not_share_scratch() -> None:
    random = np.random.default_rng(0)
    indices, offsets = random.integers(0, 3000, 30_000), np.arange(0, 30_000, 10)
    gradient = random.standard_normal((3000, 4))
    step = fs.Operator(rules.adagrad)

    def run() -> np.ndarray:
        var, accum = np.ones((3000, 4)), np.zeros((3000, 4))
        for _ in range(5):
            step(var, accum, gradient, indices, offsets, lr=0.1, epsilon=1e-8)
        return var

    expected, found = run(), []
    threads = [threading.Thread(target=lambda: found.append(run())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(threads)
    assert all(np.array_equal(each, expected) for each in found)
