"""Linear operations leave an embedding's gradient compact."""

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from fusedstep.torch.embedding_gradient import EmbeddingGradient, Lookup  # noqa: E402
from tests.torch.test_embedding_gradient import BOTH, dense_of, is_compact, ours, parameter, same, torchs, twins  # noqa: E402

LINEAR = {
    "times": lambda g: g * 2,
    "times on the left": lambda g: 2.5 * g,
    "times a tensor": lambda g: g * torch.tensor(0.5),
    "times a double": lambda g: g * torch.tensor(0.5, dtype=torch.float64),
    "times a vector of one": lambda g: g * torch.tensor([0.5]),
    "a tensor times it": lambda g: torch.tensor(3) * g,
    "over": lambda g: g / 3,
    "over a tensor": lambda g: g / torch.tensor([[3.0]]),
    "negative": lambda g: -g,
    "plus": lambda g: g + g,
    "plus a multiple": lambda g: torch.add(g, g, alpha=0.5),
    "minus": lambda g: g - g * 2,
    "detached": lambda g: g.detach(),
    "data": lambda g: g.data,
    "viewed as it is": lambda g: g.view(6, 3),
    "viewed as another": lambda g: g.view_as(torch.ones(6, 3)),
    "double": lambda g: g.double(),
    "to a dtype": lambda g: g.to(torch.float16),
    "to where it is": lambda g: g.to("cpu"),
    "to a copy": lambda g: g.to("cpu", copy=True),
    "requires": lambda g: g.requires_grad_(False),
}
LINEAR_IN_PLACE = {
    "times": lambda g: g.mul_(2),
    "imul": lambda g: g.__imul__(0.5),
    "times a tensor": lambda g: g.mul_(torch.tensor(0.5)),
    "times a vector of one": lambda g: g.mul_(torch.tensor([0.5])),
    "times a double": lambda g: g.mul_(torch.tensor(0.5, dtype=torch.float64)),
    "times true": lambda g: g.mul_(True),
    "over": lambda g: g.div_(3),
    "over a tensor": lambda g: g.div_(torch.tensor(-3.0)),
    "negative": lambda g: g.neg_(),
    "zero": lambda g: g.zero_(),
    "itself": lambda g: g.add_(g),
    "less itself": lambda g: g.sub_(g, alpha=0.25),
    "copied": lambda g: g.copy_(g * 3),
    "detached": lambda g: g.detach_().mul_(2),
    "data": lambda g: g.data.mul_(2),
    "foreach": lambda g: torch._foreach_mul_([g], 2.0),
    "foreach tensor": lambda g: torch._foreach_mul_([torch.ones(2), g], torch.tensor(2.0)),
    "foreach numbers": lambda g: torch._foreach_mul_([torch.ones(2), g, torch.ones(3)], [1.0, 3.0, 2.0]),
    "foreach tensors": lambda g: torch._foreach_mul_([torch.ones(2), g], [torch.ones(2), torch.tensor(3.0)]),
    "foreach over": lambda g: torch._foreach_div_([g, torch.ones(2)], 2.0),
    "foreach over numbers": lambda g: torch._foreach_div_([g, torch.ones(2)], [2.0, 3.0]),
    "foreach negative": lambda g: torch._foreach_neg_([g, torch.ones(2)]),
    "foreach zero": lambda g: torch._foreach_zero_([g, torch.ones(2)]),
    "foreach plus": lambda g: torch._foreach_add_([torch.ones(2), g], [torch.ones(2), g], alpha=2),
    "foreach of both": lambda g: torch._foreach_mul_([g, g], 2.0),
}


@BOTH
@pytest.mark.parametrize("name", LINEAR)
def test_linear_operations(sparse: bool, name: str) -> None:
    mine, theirs = twins(sparse)
    if sparse and name in ("over a tensor", "viewed as it is", "viewed as another"):
        # torch's COO tensors do not know these.
        theirs.grad = twins(False)[1].grad
    one, two = (LINEAR[name](param.grad) for param in (mine, theirs))
    assert is_compact(one)
    assert is_compact(mine.grad)
    assert (one.dtype, one.is_sparse) == (two.dtype, sparse)
    torch.testing.assert_close(one.to_dense(), two.to_dense())


@BOTH
@pytest.mark.parametrize("name", LINEAR_IN_PLACE)
def test_linear_operations_in_place(sparse: bool, name: str) -> None:
    mine, theirs = twins(sparse)
    if sparse and name in ("foreach tensors", "foreach plus", "less itself", "data"):
        # torch's COO tensors do not know these.
        theirs.grad = twins(False)[1].grad
    alias, object_before = mine.grad.detach(), mine.grad
    values, before = mine.grad._lookups[0].values, mine.grad._lookups[0].values.clone()
    for param in (mine, theirs):
        LINEAR_IN_PLACE[name](param.grad)
    assert mine.grad is object_before
    assert is_compact(mine.grad)
    torch.testing.assert_close(mine.grad.to_dense(), theirs.grad.to_dense())
    torch.testing.assert_close(alias.to_dense(), theirs.grad.to_dense())
    # Others may hold the values.
    assert torch.equal(values, before)


def test_operations_return_the_gradient_that_they_change() -> None:
    mine, _ = twins()
    assert mine.grad.mul_(2) is mine.grad
    assert mine.grad.copy_(torch.ones(6, 3)) is mine.grad
    assert mine.grad.clamp_(0, 1) is mine.grad


@pytest.mark.parametrize("alpha", [1, -0.5])
@pytest.mark.parametrize("kind", ["lookups", "tied", "adopted", "sparse", "sparse values", "nothing"])
@pytest.mark.parametrize("rows", [(), (2, 2, 2, 5)])
def test_a_dense_tensor_grows_by_rows(alpha: float, kind: str, rows: Any) -> None:
    mine, theirs = twins("sparse" in kind, rows)
    for param in (mine, theirs):
        if kind == "tied":
            param.grad.add_(torch.ones(6, 3))
        elif kind == "adopted":
            param.grad.clamp_(-0.1, 0.1)
        elif kind == "sparse values":
            param.grad._values().mul_(2)
        elif kind == "nothing":
            param.grad.zero_()
    for into in (torch.ones(6, 3), torch.ones(3, 6).t(), torch.ones(6, 6)[:, ::2]):
        one, two = into.clone(), into.clone()
        one.add_(mine.grad, alpha=alpha)
        two.add_(theirs.grad, alpha=alpha)
        torch.testing.assert_close(one, two)
        one.sub_(mine.grad)
        two.sub_(theirs.grad)
        torch.testing.assert_close(one, two)
    assert mine.grad._content.plain_cache is None
    assert torch.equal(torch.ones(2, 6, 3).add_(mine.grad.to_dense()), torch.ones(2, 6, 3).add_(mine.grad.to_dense()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
def test_a_tensor_of_another_dtype_grows(dtype: Any) -> None:
    mine, theirs = twins()
    one, two = (torch.ones(6, 3, dtype=dtype).add_(param.grad) for param in (mine, theirs))
    torch.testing.assert_close(one, two)
    one, two = (torch.ones(2, 6, 3, dtype=dtype).add_(param.grad) for param in (mine, theirs))
    torch.testing.assert_close(one, two)


@BOTH
def test_copies_into_a_plain_tensor(sparse: bool) -> None:
    mine, theirs = twins(sparse)
    for into in (torch.full((6, 3), float("nan")), torch.full((18,), float("nan")).view(6, 3)):
        assert torch.equal(into.copy_(mine.grad), theirs.grad.to_dense())
    half = torch.full((6, 3), float("nan"), dtype=torch.float16)
    if not sparse:
        assert torch.equal(half.copy_(mine.grad), theirs.grad.half())
        bucket = torch.full((6, 3), float("nan"))
        torch.mul(mine.grad, 0.5, out=bucket)
        assert torch.equal(bucket, theirs.grad * 0.5)


@BOTH
def test_copies_replace_the_content(sparse: bool) -> None:
    source = torch.randn(6, 3)
    for copied in (source, source.double(), twins()[0].grad, twins(True)[0].grad, twins()[0].grad.view(-1).view(6, 3)):
        mine, _ = twins(sparse)
        alias = mine.grad.data
        kept = mine.grad._lookups[0].values
        mine.grad.copy_(copied)
        kept.zero_()
        torch.testing.assert_close(alias.to_dense(), dense_of(copied).float())
        if isinstance(copied, EmbeddingGradient):
            copied.zero_()
            assert mine.grad.to_dense().any()
    mine, _ = twins(sparse)
    assert torch.equal(mine.grad.copy_(torch.ones(3)).to_dense(), torch.ones(6, 3))
    coo = twins(True)[1].grad
    mine, _ = twins(sparse)
    torch.testing.assert_close(mine.grad.copy_(coo).to_dense(), coo.to_dense())


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("changed", [False, True])
def test_modules_of_both_kinds_share_a_weight(first: bool, second: bool, in_place: bool, changed: bool) -> None:
    gradients = [twins(first)[0].grad, twins(second, (5, 5))[0].grad]
    plain = [each.to_dense() for each in gradients]
    if changed:
        for each in gradients:
            each._values().mul_(1) if each.is_sparse else each.view(-1).mul_(1)
    total = gradients[0].add_(gradients[1]) if in_place else gradients[0] + gradients[1]
    assert total.is_sparse is (first and second)
    torch.testing.assert_close(total.to_dense(), plain[0] + plain[1])
    torch.testing.assert_close(gradients[1].to_dense(), plain[1])


@BOTH
@pytest.mark.parametrize("coo_first", [False, True])
def test_coo_gradients_of_torchs_modules_add(sparse: bool, coo_first: bool) -> None:
    made = []
    for look_up in (ours, torchs):
        weight = parameter(6, 3)
        for of_coo in (coo_first, not coo_first, coo_first):
            looked = (
                torchs(torch.tensor([4, 4]), weight, True) if of_coo else look_up(torch.tensor([4, 1]), weight, sparse)
            )
            looked.square().sum().backward()
        made.append(weight.grad)
    same(*made)


def test_one_row_of_one_number_is_no_scalar() -> None:
    mine, theirs = twins(rows=(0, 0), shape=(1, 1))
    same(mine.grad * mine.grad, theirs.grad * theirs.grad)
    same(mine.grad * 2, theirs.grad * 2)
    same(mine.grad / mine.grad, theirs.grad / theirs.grad)
    assert torch.equal(torch.ones(3, 4) * mine.grad, torch.ones(3, 4) * theirs.grad)
    assert torch.equal(torch.ones(1).mul_(mine.grad.sum()), torch.ones(1).mul_(theirs.grad.sum()))


def test_results_in_other_dtypes_are_torchs() -> None:
    mine, theirs = twins()
    same(mine.grad * torch.ones(1, dtype=torch.float64), theirs.grad * torch.ones(1, dtype=torch.float64))
    same(mine.grad * 1j, theirs.grad * 1j)
    same(mine.grad * torch.ones(1, 1, 1), theirs.grad * torch.ones(1, 1, 1))
    with pytest.raises(RuntimeError, match="can't be cast"):
        mine.grad.mul_(1j)
    same(mine.grad, theirs.grad)


def test_a_copy_of_bags() -> None:
    weight = parameter(6, 3)
    lookup = Lookup(torch.randn(2, 3), torch.tensor([1, 2, 1]), torch.tensor([0, 2]), torch.tensor([1.0, 0.5, 2.0]))
    gradient = EmbeddingGradient.of(weight, [lookup], False)
    copied = copy.deepcopy(gradient)
    assert [each.data_ptr() for each in copied._lookups[0]] != [each.data_ptr() for each in gradient._lookups[0]]
    assert torch.equal(copied.to_dense(), gradient.to_dense())
    assert torch.equal((gradient * 2).to_dense(), gradient.to_dense() * 2)
    expected = torch.zeros(6, 3)
    expected[1] = lookup.values[0] + lookup.values[1] * 2
    expected[2] = lookup.values[0] * 0.5
    assert torch.equal(gradient.to_dense(), expected)
    torch.testing.assert_close(gradient.double().to_dense(), expected.double(), rtol=1e-6, atol=1e-6)
