"""Norms and clipping of embeddings' gradients, torch's and ours, equal those of the dense gradient."""

import copy
from typing import Any

import pytest

import fusedstep as fs

torch = pytest.importorskip("torch")

from fusedstep.torch.embedding_gradient import EmbeddingGradient  # noqa: E402
from tests.torch.test_embedding_gradient import BOTH, is_compact, parameter, twins  # noqa: E402

INFINITY = float("inf")
ORDERS = [2, 2.0, 1, 0.5, 0, -1, INFINITY, -INFINITY]
ROWS = [(), (2,), (1, 3, 3, 0), (0, 1, 2, 3, 4, 5, 5)]
FOREACH = pytest.mark.parametrize("foreach", [None, True, False])
utils = torch.nn.utils


@BOTH
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rows", ROWS)
def test_norms(sparse: bool, order: Any, rows: Any) -> None:
    mine, theirs = twins(sparse, rows)[0].grad, twins(False, rows)[1].grad
    expected = torch.linalg.vector_norm(theirs, order)
    norms = [
        torch.linalg.vector_norm(mine, order),
        torch.linalg.vector_norm(mine, order, dim=(0, 1)),
        torch._foreach_norm([torch.ones(2), mine], order)[1],
    ]
    if order != 0:
        # torch's total is then the number of norms.
        norms += [utils.get_total_norm([mine], order, foreach=each) for each in (True, False)]
    if not sparse or order == 2:
        norms.append(mine.norm(order))
    for norm in norms:
        torch.testing.assert_close(norm, expected)
    assert is_compact(mine) or order < 0
    double = torch.linalg.vector_norm(mine, order, dtype=torch.float64)
    torch.testing.assert_close(double, torch.linalg.vector_norm(theirs, order, dtype=torch.float64))


def test_norms_along_a_dimension() -> None:
    mine, theirs = twins()
    for take in (
        lambda g: g.norm(dim=1),
        lambda g: torch.linalg.vector_norm(g, dim=0),
        lambda g: torch.linalg.vector_norm(g, keepdim=True),
        lambda g: g.norm(dim=(0, 1), keepdim=True),
        lambda g: g.norm("fro"),
        lambda g: torch.linalg.norm(g),
        lambda g: torch.linalg.matrix_norm(g),
        lambda g: g.norm(dtype=torch.float64),
    ):
        torch.testing.assert_close(take(mine.grad), take(theirs.grad))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_norms_of_nothing(shape: Any) -> None:
    mine, theirs = twins(rows=(), shape=shape)
    assert torch.linalg.vector_norm(mine.grad) == torch.linalg.vector_norm(theirs.grad) == 0
    assert fs.torch.clip_grad_norm_([mine], 1.0) == 0
    assert utils.clip_grad_norm_([mine], 1.0, foreach=True) == 0


def group(sparse: bool, mine: bool, dtype: Any, tied: bool) -> list[Any]:
    """A table, one of torch's COO gradients, and a dense parameter."""
    table = twins(sparse and mine, dtype=dtype)[0 if mine else 1]
    if tied:
        table.grad.add_(torch.ones_like(table) / 8)
    other = twins(sparse and mine, (1, 1, 2), seeded_shape(dtype), dtype=dtype)[1]
    dense = parameter(4, dtype=dtype)
    dense.grad = torch.ones_like(dense)
    return [table, dense, *([] if sparse else [other])]


def seeded_shape(dtype: Any) -> tuple[int, int]:
    return 4, 2


@BOTH
@FOREACH
@pytest.mark.parametrize("order", [2.0, 1.0, INFINITY, 0.5])
@pytest.mark.parametrize("largest", [0.25, 100.0])
@pytest.mark.parametrize("tied", [False, True])
def test_clipping(sparse: bool, foreach: Any, order: float, largest: float, tied: bool) -> None:
    dtype = torch.float32
    made, expected = group(sparse, True, dtype, tied), group(sparse, False, dtype, tied)
    ours = copy.deepcopy(made)
    for one, two in zip(ours, made, strict=True):
        one.grad = copy.deepcopy(two.grad)
    norm = utils.clip_grad_norm_(expected, largest, order, foreach=foreach)
    torch.testing.assert_close(utils.clip_grad_norm_(made, largest, order, foreach=foreach), norm)
    torch.testing.assert_close(fs.torch.clip_grad_norm_(ours, largest, order, foreach=foreach), norm)
    for one, two, three in zip(made, ours, expected, strict=True):
        torch.testing.assert_close(one.grad.to_dense(), three.grad)
        torch.testing.assert_close(two.grad.to_dense(), three.grad)
    for clipped in (made, ours):
        assert type(clipped[0].grad) is EmbeddingGradient
        assert is_compact(clipped[0].grad) or tied


@BOTH
@FOREACH
def test_clipping_in_two_steps(sparse: bool, foreach: Any) -> None:
    mine, theirs = twins(sparse)[0], twins()[1]
    for param in (mine, theirs):
        norm = utils.get_total_norm([param.grad], foreach=foreach)
        utils.clip_grads_with_norm_([param], 0.5, norm, foreach=foreach)
    torch.testing.assert_close(mine.grad.to_dense(), theirs.grad)
    assert is_compact(mine.grad)


@FOREACH
@pytest.mark.parametrize("tied", [False, True])
def test_clipping_by_value(foreach: Any, tied: bool) -> None:
    mine, theirs = twins()
    for param in (mine, theirs):
        if tied:
            param.grad.add_(torch.ones(6, 3))
        utils.clip_grad_value_([param], 0.25, foreach=foreach)
    torch.testing.assert_close(mine.grad.to_dense(), theirs.grad)
    assert type(mine.grad) is EmbeddingGradient


@FOREACH
@pytest.mark.parametrize("value", [INFINITY, float("nan")])
def test_clipping_what_is_not_finite(foreach: Any, value: float) -> None:
    for clip in (fs.torch.clip_grad_norm_, utils.clip_grad_norm_):
        mine, theirs = twins(rows=(1, 3, 0))
        for param in (mine, theirs):
            param.grad.mul_(3e38).mul_(3e38) if value == INFINITY else param.grad.add_(param.grad * value)
            clip([param], 1.0, foreach=foreach)
        torch.testing.assert_close(mine.grad.to_dense(), theirs.grad, equal_nan=True)
        with pytest.raises(RuntimeError, match="norm"):
            clip([mine], 1.0, error_if_nonfinite=True)


def test_the_norm_is_that_of_merged_rows_in_16_bits() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        mine, theirs = twins(dtype=dtype)
        torch.testing.assert_close(torch.linalg.vector_norm(mine.grad), torch.linalg.vector_norm(theirs.grad))
        fs.torch.clip_grad_norm_([mine], 0.5)
        utils.clip_grad_norm_([theirs], 0.5)
        torch.testing.assert_close(mine.grad.to_dense(), theirs.grad, rtol=0.02, atol=1e-3)
