"""Grouping: both ways to find which rows are named agree with NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusedstep.loops.cpu.grouping import COUNTING_ROWS, COUNTS, FIRST, INVERSE, ORDER, SLOTS
from fusedstep.runtime.cpu import grouping


@pytest.mark.parametrize("counted", [False, True], ids=["by hashing", "by counting"])
@pytest.mark.parametrize("ascending", [False, True], ids=["in any order", "sorted"])
@settings(deadline=None)
@given(data=st.data())
def test_groups_are_those_of_numpy(counted: bool, ascending: bool, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 40))
    fewest = -(-rows // COUNTING_ROWS) if counted else 0
    indices = np.array(data.draw(st.lists(st.integers(0, rows - 1), min_size=fewest, max_size=60)), np.int64)
    if not counted:
        # Far more rows than indices.
        rows, indices = 1000 * rows, 1000 * indices
    if ascending:
        indices.sort()
    groups = grouping.group(indices, rows)
    named, firsts, numbers, counts = np.unique(indices, return_index=True, return_inverse=True, return_counts=True)
    found = groups.arrays[:, : groups.distinct]
    assert groups.distinct == named.size
    assert sorted(groups.unique_rows[: groups.distinct]) == named.tolist()
    order = grouping.in_row_order(groups, rows)
    assert groups.unique_rows[order].tolist() == named.tolist()
    assert found[FIRST, order].tolist() == firsts.tolist()
    assert found[COUNTS, order].tolist() == counts.tolist()
    assert groups.arrays[INVERSE].tolist() == order[numbers].tolist()
    several = found[COUNTS] > 1
    assert groups.summed == several.sum()
    assert (found[SLOTS, ~several] == -1).all()
    # In the order of the steps, sums come one after another.
    slots = found[SLOTS, found[ORDER]]
    assert slots[slots >= 0].tolist() == list(range(groups.summed))
    assert sorted(found[ORDER]) == list(range(groups.distinct))
    if ascending or counted:
        assert groups.ascending
        assert order.tolist() == found[ORDER].tolist() == list(range(groups.distinct))


@settings(deadline=None)
@given(
    indices=st.lists(st.integers(0, 9), max_size=60),
    rows=st.sampled_from([10, 10**6]),
    parts=st.integers(1, 7),
    cost=st.integers(0, 20),
)
def test_shares_hold_every_row_once_and_its_sum(indices: list[int], rows: int, parts: int, cost: int) -> None:
    groups = grouping.group(np.array(indices, np.int64), rows)
    cut = grouping.cut_into_parts(groups, parts, cost)
    assert [each.start for each in cut] == [0, *(each.stop for each in cut[:-1])]
    assert cut[-1].stop == groups.distinct
    for share in cut:
        slots = groups.arrays[SLOTS, groups.arrays[ORDER, share.start : share.stop]]
        assert slots[slots >= 0].tolist() == list(range(share.first, share.last))


def test_shares_are_of_equal_work() -> None:
    # One row with 40 gradients, forty with one; a step costs as much as adding up ten.
    groups = grouping.group(np.array([0] * 40 + list(range(40, 0, -1))), 10**6)
    assert not groups.ascending
    first, second = grouping.cut_into_parts(groups, 2, cost=10)
    assert (first.last, second.last) == (1, 1)
    assert abs((40 + 10 * first.stop) - 10 * (41 - first.stop)) <= 10


@pytest.mark.parametrize("rows", [10**6, 5], ids=["by hashing", "by counting"])
@pytest.mark.parametrize("bad", [-1, 10**6, -(2**63), 2**63 - 1])
def test_the_first_bad_index_is_named(rows: int, bad: int) -> None:
    assert grouping.group(np.array([0, 4, bad, -7]), rows).distinct == -3


@pytest.mark.parametrize("bad", [-1, 5])
def test_the_first_bad_index_of_sorted_ones_is_named(bad: int) -> None:
    indices = np.sort(np.array([0, 4, bad, bad]))
    assert grouping.group(indices, 5).distinct == -1 - int(np.argmax(indices == bad))
