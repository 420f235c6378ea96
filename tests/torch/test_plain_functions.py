"""What an embedding's gradient answers for its plain form, in Python."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from fusedstep.torch.embedding_gradient import EmbeddingGradient  # noqa: E402
from tests.torch.test_embedding_gradient import BOTH, dense_of, is_compact, same, twins  # noqa: E402

ASKED = {
    "layout": lambda g: g.layout,
    "is_sparse": lambda g: g.is_sparse,
    "is_coalesced": lambda g: g.is_coalesced(),
    "indices": lambda g: g._indices(),
    "values": lambda g: g._values(),
    "checked indices": lambda g: g.indices(),
    "checked values": lambda g: g.values(),
    "nnz": lambda g: g._nnz(),
    "sparse_dim": lambda g: g.sparse_dim(),
    "dense_dim": lambda g: g.dense_dim(),
    "coalesce": lambda g: g.coalesce(),
    "coalesced indices": lambda g: g.coalesce().indices(),
    "to_dense": lambda g: g.to_dense(),
    "to_dense in a dtype": lambda g: g.to_dense(dtype=torch.float64),
    "to_sparse": lambda g: g.to_sparse(),
    "to_sparse of a dimension": lambda g: g.to_sparse(1),
    "numpy": lambda g: g.numpy().tolist(),
    "list": lambda g: g.tolist(),
    "clone": lambda g: torch.clone(g, memory_format=torch.preserve_format),
    "unbound": lambda g: torch.Tensor.coalesce(g),
    "int": lambda g: g.int(),
    "meta": lambda g: g.to("meta").shape,
}


@BOTH
@pytest.mark.parametrize("name", ASKED)
def test_it_answers_for_its_plain_form(sparse: bool, name: str) -> None:
    mine, theirs = twins(sparse)
    if sparse and name == "to_dense in a dtype":
        # torch's COO tensors do not know it.
        assert torch.equal(mine.grad.to_dense(dtype=torch.float64), theirs.grad.to_dense().double())
        return
    try:
        expected = ASKED[name](theirs.grad)
    except (RuntimeError, NotImplementedError, TypeError) as error:
        with pytest.raises(type(error)):
            ASKED[name](mine.grad)
    else:
        found = ASKED[name](mine.grad)
        if isinstance(expected, torch.Tensor):
            assert type(found) is torch.Tensor
            assert (found.dtype, found.layout) == (expected.dtype, expected.layout)
            torch.testing.assert_close(dense_of(found), dense_of(expected))
        else:
            assert found == expected
    same(mine.grad, theirs.grad)


@BOTH
def test_asking_for_the_layout_expands_nothing(sparse: bool) -> None:
    mine, _ = twins(sparse)
    assert mine.grad.is_sparse is sparse
    assert mine.grad.layout is (torch.sparse_coo if sparse else torch.strided)
    mine.grad.to_dense()
    assert is_compact(mine.grad)


def test_an_empty_coo_gradient_is_torchs() -> None:
    mine, theirs = twins(True, rows=())
    assert (mine.grad._nnz(), mine.grad._values().shape) == (theirs.grad._nnz(), theirs.grad._values().shape)
    mine, theirs = twins(True)
    for param in (mine, theirs):
        param.grad.zero_()
    assert mine.grad._nnz() == theirs.grad._nnz() == 0


@BOTH
def test_data_may_be_assigned(sparse: bool) -> None:
    mine, _ = twins(sparse)
    alias, given = mine.grad.detach(), torch.ones(6, 3)
    before = alias.to_dense()
    mine.grad.data = given
    given.mul_(2)
    assert not mine.grad.is_sparse
    assert torch.equal(mine.grad, given)
    assert torch.equal(alias.to_dense(), before)
    other = twins(sparse)[0].grad.double()
    mine.grad.data = other
    assert mine.grad.dtype is torch.float64
    same(mine.grad, other)
    mine.grad.data = torch.ones(6, 3).to_sparse(1)
    assert mine.grad.is_sparse


@BOTH
def test_a_gradient_with_a_graph_stays_in_it(sparse: bool) -> None:
    mine, theirs = twins(sparse)
    leaf = mine.grad.detach().requires_grad_()
    for convert in (lambda g: g.to_dense(), lambda g: g.clone().to_dense()):
        (gradient,) = torch.autograd.grad(convert(leaf).square().sum(), leaf)
        torch.testing.assert_close(gradient.to_dense(), theirs.grad.to_dense() * 2)


@BOTH
def test_a_fake_tensor_does_not_stay_in_a_gradient(sparse: bool) -> None:
    mine, theirs = twins(sparse)
    with torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True):
        mine.grad.abs()
    same(mine.grad.abs(), theirs.grad.abs())
    same(mine.grad, theirs.grad)


def test_inference_mode_and_transformations() -> None:
    mine, theirs = twins()
    with torch.inference_mode():
        assert mine.grad.mul_(1) is mine.grad
        torch.testing.assert_close(mine.grad.reshape(-1).sum(), theirs.grad.sum())
        mine.grad.contiguous().view(-1).mul_(2)
    theirs.grad.mul_(2)
    assert torch.equal(mine.grad.to_dense(), theirs.grad)
    for param in (mine, theirs):
        param.grad = param.grad.clone()
    mine, theirs = twins()
    made = [torch.func.vmap(lambda x, g=param.grad: (x * g).sum())(torch.ones(2)) for param in (mine, theirs)]
    torch.testing.assert_close(*made)
    made = [torch.func.grad(lambda x, g=param.grad: (x * g).sum())(torch.ones(6, 3)) for param in (mine, theirs)]
    torch.testing.assert_close(*made)
    assert type(mine.grad) is EmbeddingGradient
    same(mine.grad, theirs.grad)


def describe(gradient: Any) -> Any:
    return gradient.shape, gradient.stride(), gradient.dtype, gradient.device, gradient.numel(), gradient.is_leaf


def test_its_form_is_that_of_the_weight() -> None:
    mine, theirs = twins()
    assert describe(mine.grad) == describe(theirs.grad)
    assert describe(mine.grad.detach()) == describe(theirs.grad.detach())
