"""Grouping: both ways to find which rows are named agree with NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusedstep.loops.cpu.grouping import COUNTS, FIRSTS, NUMBERS, OWNERS, SLOTS
from fusedstep.operators import grouping


@pytest.mark.parametrize("crowded", [0, 10**9], ids=["by hashing", "by counting"])
@settings(deadline=None)
@given(data=st.data())
def test_groups_are_those_of_numpy(crowded: int, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 40))
    indices = np.array(data.draw(st.lists(st.integers(0, rows - 1), max_size=60)), np.int64)
    threads = data.draw(st.integers(1, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "CROWDED", crowded)
        groups = grouping.group(indices, rows, threads)
    named, firsts, numbers, counts = np.unique(indices, return_index=True, return_inverse=True, return_counts=True)
    found = groups.found[:, : groups.distinct]
    assert groups.distinct == named.size
    assert sorted(groups.named[: groups.distinct]) == named.tolist()
    order = grouping.in_row_order(groups, rows)
    assert groups.named[order].tolist() == named.tolist()
    assert found[FIRSTS, order].tolist() == firsts.tolist()
    assert found[COUNTS, order].tolist() == counts.tolist()
    assert groups.found[NUMBERS].tolist() == order[numbers].tolist()
    several = found[COUNTS] > 1
    assert groups.summed == several.sum()
    assert sorted(found[SLOTS, several]) == list(range(groups.summed))
    assert ((found[OWNERS, several] >= 0) & (found[OWNERS, several] < threads)).all()
    assert (found[SLOTS, ~several] == -1).all()
    assert (found[OWNERS, ~several] == -1).all()
    if crowded and indices.size:
        assert groups.ascending
        assert order.tolist() == list(range(groups.distinct))


@pytest.mark.parametrize("crowded", [0, 10**9], ids=["by hashing", "by counting"])
@pytest.mark.parametrize("bad", [-1, 5, -(2**63), 2**63 - 1])
def test_the_first_bad_index_is_named(crowded: int, bad: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "CROWDED", crowded)
    assert grouping.group(np.array([0, 4, bad, -7]), 5, 2).distinct == -3
