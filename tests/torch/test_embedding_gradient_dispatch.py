"""Operations that do not know an embedding's gradient see its plain form, and what they write reaches it."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from fusedstep.torch.embedding_gradient import EmbeddingGradient  # noqa: E402
from fusedstep.torch.embedding_gradient.dispatch import uses_of  # noqa: E402
from tests.torch.test_embedding_gradient import BOTH, dense_of, is_compact, same, twins  # noqa: E402

IN_PLACE = {
    "view": lambda g: g.view(-1).mul_(2),
    "reshape": lambda g: g.reshape(3, 6).add_(1),
    "flatten": lambda g: g.flatten().clamp_(min=0),
    "index": lambda g: g[0].zero_(),
    "slice": lambda g: g[1:, :2].fill_(3),
    "mask": lambda g: g.__setitem__(g > 0, 1.0),
    "setitem": lambda g: g.__setitem__(2, 7.0),
    "data": lambda g: g.data.clamp_(-0.1, 0.1),
    "detach": lambda g: g.detach().sqrt_(),
    "transpose": lambda g: g.t().mul_(torch.arange(6.0)),
    "iterate": lambda g: [row.mul_(at) for at, row in enumerate(g)],
    "unbind": lambda g: g.unbind(1)[0].zero_(),
    "chunk": lambda g: g.chunk(2)[1].neg_(),
    "expand": lambda g: g.unsqueeze(0).mul_(2),
    "nan_to_num": lambda g: g.nan_to_num_(),
    "clamp": lambda g: g.clamp_(-0.5, 0.5),
    "sign": lambda g: g.sign_(),
    "pow": lambda g: g.pow_(2),
    "add number": lambda g: g.add_(1.0),
    "iadd": lambda g: g.__iadd__(1),
    "multiply by a row": lambda g: g.mul_(torch.arange(3.0)),
    "multiply by itself": lambda g: g.mul_(g),
    "addcmul": lambda g: g.addcmul_(torch.ones(6, 3), torch.ones(3)),
    "lerp": lambda g: g.lerp_(torch.ones(6, 3), 0.1),
    "masked_fill": lambda g: g.masked_fill_(torch.arange(6)[:, None] > 2, 5.0),
    "index_fill": lambda g: g.index_fill_(0, torch.tensor([3]), 0.0),
    "index_add": lambda g: g.index_add_(0, torch.tensor([2]), torch.ones(1, 3)),
    "scatter": lambda g: g.scatter_(0, torch.zeros(1, 3, dtype=torch.int64), 1.5),
    "multiply by infinity": lambda g: g.mul_(float("inf")),
    "multiply by NaN": lambda g: g.mul_(torch.tensor(float("nan"))),
    "divide by zero": lambda g: g.div_(0),
    "divide by infinity": lambda g: g.div_(float("inf")),
    "numpy": lambda g: g.numpy().__setitem__(0, 4.0),
    "dlpack": lambda g: torch.from_dlpack(g).mul_(3),
    "storage": lambda g: g.untyped_storage().fill_(0),
    "apply": lambda g: g.apply_(lambda x: x + 1),
    "map": lambda g: g.map_(torch.ones(6, 3), lambda x, y: x + y),
    "assign data": lambda g: setattr(g, "data", torch.full((6, 3), 2.0)),
    "a view of memory": lambda g: torch.empty(0).set_(g).mul_(2),
    "to": lambda g: g.to(torch.float32).mul_(2),
    "contiguous": lambda g: g.contiguous().view(-1).mul_(2),
    "foreach clamp": lambda g: torch._foreach_clamp_max_([torch.ones(2), g], 0.1),
    "foreach add": lambda g: torch._foreach_add_([g, torch.ones(2)], 1.0),
    "foreach sqrt": lambda g: torch._foreach_sqrt_([g]),
    "foreach lerp": lambda g: torch._foreach_lerp_([g], [torch.ones(6, 3)], 0.5),
    "foreach addcmul": lambda g: torch._foreach_addcmul_([g], [torch.ones(6, 3)], [torch.ones(6, 3)], 2.0),
    "foreach multiply by infinity": lambda g: torch._foreach_mul_([g, torch.ones(2)], float("inf")),
    "foreach multiply by tensors": lambda g: torch._foreach_mul_([g], [torch.arange(18.0).view(6, 3)]),
    "foreach copy": lambda g: torch._foreach_copy_([g], [torch.ones(6, 3)]),
    "dropout": lambda g: torch.nn.functional.dropout(g, 1.0, inplace=True),
    "normal": lambda g: g.fill_diagonal_(2.0),
}


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("passes", [1, 2])
def test_what_writes_reaches_the_gradient(name: str, passes: int) -> None:
    mine, theirs = twins(passes=passes)
    aliases = [mine.grad.detach(), mine.grad.data]
    for param in (mine, theirs):
        IN_PLACE[name](param.grad)
    same(mine.grad, theirs.grad)
    assert type(mine.grad) is EmbeddingGradient
    if name != "assign data":
        for alias in aliases:
            same(alias, theirs.grad)
    # It still grows.
    for param in (mine, theirs):
        param.grad.add_(twins()[param is theirs].grad)
    same(mine.grad, theirs.grad)


def test_a_view_sees_what_is_added_later() -> None:
    mine, theirs = twins()
    views = [param.grad.view(-1) for param in (mine, theirs)]
    for param, other in zip((mine, theirs), twins(), strict=True):
        param.grad.add_(other.grad)
        param.grad.mul_(3)
        param.grad.add_(torch.ones(6, 3))
    assert torch.equal(*views)
    for param in (mine, theirs):
        param.grad.zero_()
    assert torch.equal(*views)
    mine.grad.copy_(twins()[0].grad)
    theirs.grad.copy_(twins()[1].grad)
    assert torch.equal(*views)


SPARSE_IN_PLACE = {
    "values": lambda g: g._values().mul_(3),
    "values detached": lambda g: g.detach()._values().detach().zero_(),
    "data": lambda g: g.data._values().neg_(),
    "coalesced values": lambda g: g.coalesce().values().mul_(3),
    "mul": lambda g: g.mul_(2),
    "zero": lambda g: g.zero_(),
    "add": lambda g: g.add_(torch.sparse_coo_tensor([[4, 4]], torch.ones(2, 3), (6, 3), check_invariants=True)),
    "sqrt": lambda g: g.coalesce().values().sqrt_(),
    "clamp": lambda g: g.clamp_(0, 1),
    "fill": lambda g: g.fill_(1),
    "add number": lambda g: g.add_(1.0),
    "view": lambda g: g.view(-1).mul_(2),
    "index": lambda g: g[1].mul_(2),
    "nan": lambda g: g.mul_(float("nan")),
    "resize": lambda g: g.sparse_resize_((9, 3), 1, 1),
}


@pytest.mark.parametrize("name", SPARSE_IN_PLACE)
def test_what_writes_to_a_sparse_gradient(name: str) -> None:
    mine, theirs = twins(sparse=True)
    before = theirs.grad.to_dense().clone()
    try:
        SPARSE_IN_PLACE[name](theirs.grad)
    except (RuntimeError, NotImplementedError):
        with pytest.raises((RuntimeError, NotImplementedError)):
            SPARSE_IN_PLACE[name](mine.grad)
        assert torch.equal(mine.grad.to_dense(), before)
        return
    if name == "resize":
        with pytest.raises(RuntimeError, match="cannot change the gradient of an embedding"):
            SPARSE_IN_PLACE[name](mine.grad)
        return
    SPARSE_IN_PLACE[name](mine.grad)
    same(mine.grad, theirs.grad)


READS = {
    "sum": lambda g: g.sum(),
    "abs": lambda g: g.abs(),
    "square": lambda g: g.square(),
    "comparison": lambda g: g > 0,
    "isnan": lambda g: torch.isnan(g).any(),
    "isfinite": lambda g: g.isfinite().all(),
    "max": lambda g: g.max(),
    "mean": lambda g: g.mean(1),
    "matmul": lambda g: g @ torch.ones(3),
    "transposed": lambda g: g.t() @ g,
    "of others": lambda g: torch.ones(6, 3) - g,
    "number": lambda g: 1 / (1 + g),
    "cat": lambda g: torch.cat([g, torch.ones(1, 3)]),
    "stack": lambda g: torch.stack([g, g]),
    "einsum": lambda g: torch.einsum("ij,ij->i", g, g),
    "equal": lambda g: torch.equal(g, g.clone()),
    "allclose": lambda g: torch.allclose(g, torch.zeros(6, 3)),
    "item": lambda g: g[3, 1].item(),
    "list": lambda g: g.tolist(),
    "numpy": lambda g: g.numpy().sum(),
    "length": lambda g: len(g),
    "contains": lambda g: 0.0 in g,
    "zeros_like": torch.zeros_like,
    "new": lambda g: g.new_ones(3),
    "full_like": lambda g: torch.full_like(g, 2.0, dtype=torch.float64),
    "int": lambda g: g.int(),
    "bool": lambda g: g.bool(),
    "half": lambda g: g.half().float(),
    "double": lambda g: g.double(),
    "vector_to": lambda g: torch.nn.utils.parameters_to_vector([g]),
    "where": lambda g: torch.where(g > 0, g, 0.0),
    "histc": lambda g: torch.histc(g, 4),
    "topk": lambda g: g.flatten().topk(2).values,
    "unique": lambda g: g.unique(),
    "softmax": lambda g: g.softmax(1),
    "bincount": lambda g: g.count_nonzero(),
    "to_sparse": lambda g: g.to_sparse(),
    "as_tensor": lambda g: torch.as_tensor(g).sum(),
    "foreach": lambda g: torch._foreach_mul([g, g], 2.0)[1],
    "foreach norm": lambda g: torch._foreach_norm([g, torch.ones(3)], 1)[0],
    "size": lambda g: (g.size(), g.dim(), g.numel(), g.stride(), g.nelement(), g.is_contiguous(), g.dtype, g.device),
}


@pytest.mark.parametrize("name", READS)
def test_what_only_reads(name: str) -> None:
    mine, theirs = twins()
    one, two = (READS[name](param.grad) for param in (mine, theirs))
    if isinstance(one, torch.Tensor):
        torch.testing.assert_close(dense_of(one), dense_of(two))
    else:
        assert one == pytest.approx(two) if isinstance(one, float) else one == two
    same(mine.grad, theirs.grad)


def test_ten_operations_expand_once() -> None:
    mine, _ = twins()
    mine.grad.square()
    plain = mine.grad._content.plain_cache
    assert plain is not None
    for _ in range(9):
        mine.grad.abs()
        assert mine.grad._content.plain_cache is plain
    mine.grad.mul_(2)
    assert mine.grad._content.plain_cache is None


@BOTH
def test_forms_are_made_without_expanding(sparse: bool) -> None:
    mine, theirs = twins(sparse)
    for make in (torch.zeros_like, torch.empty_like, lambda g: torch.zeros_like(g, dtype=torch.float64)):
        one, two = (make(param.grad) for param in (mine, theirs))
        assert (one.shape, one.dtype, one.layout, one.stride() if not sparse else 0) == (
            two.shape,
            two.dtype,
            two.layout,
            two.stride() if not sparse else 0,
        )
        assert type(one) is torch.Tensor
    assert is_compact(mine.grad)


@pytest.mark.parametrize(
    "call",
    [
        lambda g: g.resize_(2, 2),
        lambda g: g.set_(torch.ones(6, 3)),
        lambda g: g.t_(),
        lambda g: g.unsqueeze_(0),
        lambda g: g.resize_as_(torch.ones(2)),
        lambda g: torch.mul(torch.ones(6, 3), 2, out=g),
        lambda g: torch.stack([torch.ones(3)] * 6, out=g),
    ],
)
@BOTH
def test_what_gives_it_other_memory_is_refused(sparse: bool, call: Any) -> None:
    mine, theirs = twins(sparse)
    with pytest.raises(RuntimeError, match="cannot change the gradient of an embedding"):
        call(mine.grad)
    same(mine.grad, theirs.grad)


def test_operations_without_a_schema_write_to_the_gradient_itself() -> None:
    @torch.library.custom_op("fusedstep_tests::double_", mutates_args=("x",))
    def double_(x: torch.Tensor) -> None:
        x.mul_(2)

    assert uses_of(torch.ops.fusedstep_tests.double_.default).unknown
    mine, theirs = twins()
    double_(mine.grad)
    same(mine.grad, theirs.grad * 2)
