"""Functions over nested tuples, and functions with one meaning for each combination of types."""

from typing import Any

import pytest

from fusedstep.mindspore import Parameter, RowTensor, Tensor, ops
from fusedstep.mindspore.ops.composite import HyperMap, Map, MultitypeFuncGraph


def made() -> MultitypeFuncGraph:
    graph = MultitypeFuncGraph("meaning")
    for kinds in (
        ("Number", "Number"),
        ("Tensor", "Tensor"),
        ("Function", "Bool", "Tensor"),
        ("Tuple", "List"),
        ("RowTensor", "None"),
        ("String", "Tensor"),
    ):
        graph.register(*kinds)(lambda *_, kinds=kinds: kinds)
    return graph


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [
        ((1, 2.5), "Number Number"),
        ((1.5, True), "Number Number"),
        ((Parameter([1.0]), Tensor(1)), "Tensor Tensor"),
        ((ops.Adam(), True, Tensor(1)), "Function Bool Tensor"),
        (((1,), [2]), "Tuple List"),
        ((RowTensor(Tensor([0]), Tensor([[1.0]]), (2, 1)), None), "RowTensor None"),
        (("a", Tensor(1)), "String Tensor"),
    ],
)
def test_types_choose_the_meaning(arguments: tuple[Any, ...], kinds: str) -> None:
    assert made()(*arguments) == tuple(kinds.split())


def test_a_combination_without_meaning_is_refused() -> None:
    for arguments in (("a", "b"), (1, Tensor(1)), (1,), ()):
        with pytest.raises(ValueError, match="meaning: called with"):
            made()(*arguments)
    with pytest.raises(ValueError, match="'Tensors' is no type"):
        made().register("Tensors")


def test_maps() -> None:
    seen: list[int] = []

    def add(a: int, b: int) -> int:
        seen.append(a)
        return a + b

    assert HyperMap()(add, (1, 2), [3, 4]) == (4, 6)
    assert HyperMap(add)([1, [2, (3,)]], (10, (20, [30]))) == (11, (22, (33,)))
    seen.clear()
    assert HyperMap(add, reverse=True)((1, 2), (3, 4)) == (4, 6)
    assert seen == [2, 1]
    assert Map()(len, ((1, 2), [3])) == (2, 1)
    assert Map(None, True)(len, ((1, 2), [3])) == (2, 1)
    with pytest.raises(ValueError, match=r"lengths are \[1, 2\]"):
        HyperMap(add)((1, 2), (3,))
