"""``vmap`` loops over views: states are updated, results are stacked."""

from typing import Any

import numpy as np
import pytest

from fusedstep.mindspore import Parameter, Tensor, nn, ops
from fusedstep.mindspore.ops import functional as F  # noqa: N812


def table(*shape: int) -> Tensor:
    return Tensor(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))


@pytest.mark.parametrize("axis", [0, 1, -2])
def test_an_operator_updates_the_whole_state(axis: int) -> None:
    var, gradient = Parameter(table(2, 3, 4), name="var"), Tensor(np.ones((2, 3, 4), np.float32))
    rates = Tensor(np.arange(var.shape[axis], dtype=np.float32))
    before = var.asnumpy().copy()
    out = F.vmap(ops.ApplyGradientDescent(), in_axes=(axis, 0, axis), out_axes=axis)(var, rates, gradient)
    shape = [1, 1, 1]
    shape[axis] = -1
    np.testing.assert_array_equal(var.asnumpy(), before - rates.asnumpy().reshape(shape))
    np.testing.assert_array_equal(out.asnumpy(), var.asnumpy())


def test_a_cell_with_sparse_gradients_and_a_map_in_a_map() -> None:
    class Step(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.step = ops.SparseApplyAdagrad(0.5)

        def construct(self, var: Tensor, accum: Tensor, gradient: Tensor, indices: Tensor) -> Any:
            return self.step(var, accum, gradient, indices)

    var, accum = (Parameter(Tensor(np.ones((2, 2, 3, 1), np.float32)), name=name) for name in ("var", "accum"))
    gradient = Tensor(np.full((2, 2, 1, 1), np.sqrt(3), np.float32))
    indices = Tensor(np.array([[[0], [1]], [[2], [0]]], np.int32))
    out = ops.vmap(ops.vmap(Step()))(var, accum, gradient, indices)
    assert [each.shape for each in out] == [(2, 2, 3, 1)] * 2
    touched = np.argwhere(accum.asnumpy()[..., 0] > 3.99).tolist()
    assert touched == [[0, 0, 0], [0, 1, 1], [1, 0, 2], [1, 1, 0]]
    np.testing.assert_allclose(var.asnumpy()[0, 0, 0], 1 - 0.5 * np.sqrt(3) / 2, rtol=1e-6)


def test_axes() -> None:
    square = table(2, 2)
    assert ops.vmap(lambda a, b: a + b)(square, Tensor([10.0, 20.0])).tolist() == [[10, 11], [22, 23]]
    assert ops.vmap(lambda a, b: a + b, in_axes=(1, None))(square, 1).tolist() == [[1, 3], [2, 4]]
    assert ops.vmap(lambda a: a * 2, 0, 1)(square).tolist() == [[0, 4], [2, 6]]
    assert ops.vmap(lambda a: a.sum())(square).tolist() == [1, 5]
    one, other = ops.vmap(lambda a, b: (a, b), (0, None), (1, None))(square, Tensor([7.0]))
    assert (one.tolist(), other.tolist()) == ([[0, 2], [1, 3]], [7])
    assert ops.vmap(lambda pair, b: pair[0] + pair[1] + b, ((0, None), 0))((square, 1), square)[1].tolist() == [5, 7]
    assert ops.vmap(nn.CellList([nn.SequentialCell(), nn.SequentialCell()]))(square).tolist() == square.tolist()
    assert ops.vmap(lambda a: None)(square) is None


@pytest.mark.parametrize(
    ("axes", "arguments", "error", "match"),
    [
        (None, (table(2),), ValueError, "at least one"),
        ((None, None), (table(2), 1), ValueError, "at least one"),
        ((0, 0), (table(2),), ValueError, "2 axes for 1 arguments"),
        ((0, 0), (table(2), table(3)), ValueError, "lengths 2, 3"),
        (2, (table(2, 2),), ValueError, "no axis 2"),
        ((0, 0), (table(2), 3), TypeError, "argument 1 is of type int"),
        (0.5, (table(2),), TypeError, "in_axes has 0.5"),
        (True, (table(2),), TypeError, "in_axes has True"),
    ],
)
def test_what_is_refused(axes: Any, arguments: tuple[Any, ...], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        ops.vmap(lambda *values: values[0], in_axes=axes)(*arguments)


def test_parts_whose_rows_have_gaps_are_refused_before_anything_is_written() -> None:
    var = Parameter(table(2, 3, 4), name="var")
    with pytest.raises(ValueError, match="var has rows that are not contiguous"):
        ops.vmap(ops.ApplyGradientDescent(), in_axes=(2, None, 2))(var, 1.0, table(2, 3, 4))
    assert var.tolist() == table(2, 3, 4).tolist()


def test_results_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 axes for 2 results"):
        ops.vmap(lambda a: (a, a), 0, (0, 0, 0))(table(2))
    with pytest.raises(ValueError, match="1 functions for 2 parts"):
        ops.vmap([abs])(table(2))
