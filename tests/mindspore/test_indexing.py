"""Parts of tensors: which are views, what is written where, and what is no index."""

import copy
import pickle

import numpy as np
import pytest

import fusedstep.mindspore as ms
from fusedstep.mindspore import Tensor
from tests.mindspore.tensor_facts import INDEXING, answer


@pytest.mark.parametrize("expression", INDEXING)
def test_a_part_is_mindspores(expression: str) -> None:
    assert answer(expression, ms) == INDEXING[expression]


@pytest.mark.parametrize(
    "index", [0, -1, (0, 1), slice(1, None), (..., 0), None, (slice(None), None), Tensor(1), np.int64(0)]
)
def test_a_view_shares_memory(index: object) -> None:
    table = Tensor(np.ones((3, 2), np.float32))
    table[index].asnumpy()[...] = 5
    assert (np.array(table) == 5).any()
    assert isinstance(table[index], Tensor)


@pytest.mark.parametrize("index", [[0], [True, False, True], Tensor([0]), (slice(None), [0]), np.array([0])])
def test_a_selection_is_a_copy(index: object) -> None:
    table = Tensor(np.ones((3, 2), np.float32))
    table[index].asnumpy()[...] = 5
    assert (np.array(table) == 1).all()


@pytest.mark.parametrize(
    "index",
    [1.0, "a", Tensor([0.5]), [], (0, 0, 0), 3, -4, (0, 2), [0, 3], [True, False], Tensor([True]), range(2), {0}],
)
def test_what_is_no_index(index: object) -> None:
    table = Tensor(np.ones((3, 2), np.float32))
    with pytest.raises(IndexError):
        table[index]
    with pytest.raises(IndexError):
        table[index] = 0
    assert (np.array(table) == 1).all()


def test_what_is_not_assigned() -> None:
    table = Tensor(np.ones((3, 2), np.float32))
    for value in ("a", None, 1j, {1}):
        with pytest.raises(TypeError, match="assigned value"):
            table[0] = value
    with pytest.raises(ValueError, match=r"shape \(3,\) does not fit into a part of shape \(2,\)"):
        table[0] = Tensor([1, 2, 3])
    with pytest.raises(TypeError, match="no dimension"):
        iter(Tensor(1.0))
    assert (np.array(table) == 1).all()


def test_a_tensor_is_an_index_of_lists() -> None:
    assert [1, 2, 3][Tensor(1)] == 2
    for wrong in (Tensor(1.0), Tensor([1, 2])):
        with pytest.raises(TypeError, match="no index"):
            [1, 2, 3][wrong]


def test_a_copy_of_a_selection_is_on_its_own() -> None:
    table = Tensor(np.ones((1000, 2), np.float32))
    selected = table[[0, 1]]
    assert len(pickle.dumps(selected)) < 1000
    for made in (copy.copy(selected), copy.deepcopy(selected), pickle.loads(pickle.dumps(selected))):  # noqa: S301
        made[0] = 5
    assert (np.array(table) == 1).all()
    selected[0] = 7
    assert table[0].tolist() == [7, 7]
