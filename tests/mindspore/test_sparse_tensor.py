"""Rows of a larger tensor."""

from typing import Any

import pytest

from fusedstep.mindspore import RowTensor, Tensor
from fusedstep.mindspore.common.sparse_tensor import RowTensorInner

INDICES, VALUES = Tensor([0, 2]), Tensor([[1.0], [2.0]])


def test_what_it_holds() -> None:
    rows = RowTensor(INDICES, VALUES, (3, 1))
    assert isinstance(rows, RowTensorInner)
    assert rows.indices is INDICES
    assert rows.values is VALUES
    assert rows.dense_shape == (3, 1)
    again = RowTensorInner(row_tensor=rows)
    assert again.indices is INDICES
    assert again.dense_shape == (3, 1)
    # As MindSpore prints it.
    assert repr(rows) == (
        "RowTensor(shape=[3, 1], dtype=Float32, indices=Tensor(shape=[2], dtype=Int64, value=[0 2]), "
        "values=Tensor(shape=[2, 1], dtype=Float32, value=\n[[ 1.00000000e+00]\n [ 2.00000000e+00]]))"
    )


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (([0, 2], VALUES, (3, 1)), TypeError, "indices is of type list"),
        ((INDICES, None, (3, 1)), TypeError, "values is of type NoneType"),
        ((INDICES, VALUES, [3, 1]), TypeError, "shape is"),
        ((Tensor([0.0, 2.0]), VALUES, (3, 1)), ValueError, "integer type"),
        ((Tensor([[0, 2]]), VALUES, (3, 1)), ValueError, "one dimension"),
        ((INDICES, VALUES, (3, 2)), ValueError, r"expected \(2, 2\)"),
        ((Tensor([0]), VALUES, (3, 1)), ValueError, r"expected \(1, 1\)"),
        ((INDICES, VALUES, (3, 1), RowTensor(INDICES, VALUES, (3, 1))), TypeError, "alone"),
        ((None, None, None, VALUES), TypeError, "row_tensor is of type Tensor"),
    ],
)
def test_what_is_refused(arguments: tuple[Any, ...], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        RowTensor(*arguments)
