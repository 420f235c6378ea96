"""The gradient of an embedding that keeps its lookups, beside that of torch's modules."""

import copy
import gc
import pickle
import threading
import weakref
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from fusedstep.torch.embedding_gradient import EmbeddingGradient, Lookup  # noqa: E402

functional = torch.nn.functional
BOTH = pytest.mark.parametrize("sparse", [False, True])


class LookUp(torch.autograd.Function):
    """A lookup whose backward pass leaves its gradient as it is."""

    @staticmethod
    def forward(ctx: Any, weight: Any, indices: Any, sparse: bool) -> Any:
        ctx.save_for_backward(indices)
        ctx.like, ctx.sparse = torch.empty_like(weight, device="meta"), sparse
        ctx.device = weight.device
        return weight.detach()[indices]

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (indices,) = ctx.saved_tensors
        like = torch.empty_strided(ctx.like.shape, ctx.like.stride(), dtype=grad.dtype, device=ctx.device)
        lookup = Lookup(grad.reshape(indices.numel(), *grad.shape[indices.dim() :]), indices.flatten())
        return EmbeddingGradient.of(like, [lookup], ctx.sparse), None, None


def ours(indices: Any, weight: Any, sparse: bool = False) -> Any:
    return LookUp.apply(weight, indices, sparse)


def torchs(indices: Any, weight: Any, sparse: bool = False) -> Any:
    return functional.embedding(indices, weight, sparse=sparse)


def parameter(*shape: int, dtype: Any = torch.float32, seed: int = 0) -> Any:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.Parameter(values.to(dtype))


def upstream(*shape: int, dtype: Any = torch.float32) -> Any:
    return parameter(*shape, dtype=dtype, seed=1).detach()


def twins(
    sparse: bool = False, rows: Any = (1, 3, 3, 0), shape: Any = (6, 3), dtype: Any = torch.float32, passes: int = 1
) -> tuple[Any, Any]:
    """Two parameters with the same gradient: one of ours, one of torch's."""
    made = parameter(*shape, dtype=dtype), parameter(*shape, dtype=dtype)
    indices = torch.tensor(rows, dtype=torch.int64)
    for param, look_up in zip(made, (ours, torchs), strict=True):
        for _ in range(passes):
            (look_up(indices, param, sparse) * upstream(len(rows), *shape[1:], dtype=dtype)).sum().backward()
    assert type(made[0].grad) is EmbeddingGradient
    return made


def dense_of(tensor: Any) -> Any:
    return tensor.to_dense() if isinstance(tensor, torch.Tensor) else tensor


def same(one: Any, two: Any) -> None:
    """Both are equal; types, layouts and shapes are the same for an optimizer."""
    assert (one.shape, one.dtype, one.layout, one.is_sparse) == (two.shape, two.dtype, two.layout, two.is_sparse)
    torch.testing.assert_close(dense_of(one), dense_of(two), equal_nan=True)


def is_compact(gradient: Any) -> bool:
    """Whether a gradient is made of lookups alone."""
    return type(gradient) is EmbeddingGradient and gradient._beside is None and gradient._content.plain_cache is None


@BOTH
@pytest.mark.parametrize("shape", [(6, 3), (6,), (6, 2, 4), (6, 0), (6, 1)])
@pytest.mark.parametrize("rows", [(), (2,), (1, 3, 3, 0), (5, 5, 5, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_a_gradient_equals_torchs(sparse: bool, shape: Any, rows: Any, dtype: Any) -> None:
    mine = parameter(*shape, dtype=dtype)
    indices = torch.tensor(rows, dtype=torch.int64)
    factor = upstream(len(rows), *shape[1:], dtype=dtype)
    (ours(indices, mine, sparse) * factor).sum().backward()
    assert mine.grad.shape == mine.shape
    # torch's own sums of 16 bits are rounded after each addition.
    expected = torch.zeros(shape, dtype=torch.float64).index_add_(0, indices, factor.double()).to(dtype)
    torch.testing.assert_close(mine.grad.to_dense(), expected)
    if dtype in (torch.float32, torch.float64) and len(shape) == 2:
        same(mine.grad, twins(sparse, rows, shape, dtype)[1].grad)
    assert is_compact(mine.grad)


def test_bits_of_dense_gradients_are_torchs() -> None:
    mine, theirs = twins(rows=[1, 3, 3, 0, 3, 1] * 50, shape=(100, 7))
    assert torch.equal(mine.grad.to_dense(), theirs.grad)


def test_sums_of_16_bits_are_those_of_float32() -> None:
    weight = parameter(2, 1, dtype=torch.bfloat16)
    values = torch.full((400, 1), 1.0078125, dtype=torch.bfloat16)
    gradient = EmbeddingGradient.of(weight, [Lookup(values, torch.ones(400, dtype=torch.int64))], False)
    assert gradient.to_dense().flatten().tolist() == [0, torch.tensor(403.125).bfloat16().item()]


@BOTH
def test_several_passes_only_join_lookups(sparse: bool) -> None:
    mine, theirs = twins(sparse, passes=3)
    assert is_compact(mine.grad)
    assert len(mine.grad._lookups) == 3
    same(mine.grad, theirs.grad)


@BOTH
def test_several_lookups_of_one_pass(sparse: bool) -> None:
    made = []
    for look_up in (ours, torchs):
        weight = parameter(6, 3)
        total = sum(look_up(torch.tensor([at, 2, at]), weight, sparse).square().sum() for at in range(4))
        total.backward()
        made.append(weight.grad)
    assert is_compact(made[0])
    assert len(made[0]._lookups) == 4
    same(*made)


@BOTH
@pytest.mark.parametrize("order", ["dense first", "dense last", "in one pass", "between"])
def test_tied_weights(sparse: bool, order: str) -> None:
    made = []
    for look_up in (ours, torchs):
        weight, indices = parameter(6, 3), torch.tensor([1, 1, 4])
        looked = [look_up(indices, weight, sparse).square().sum() for _ in range(2)]
        dense = weight.square().sum() / 2
        losses = {
            "dense first": [dense, looked[0]],
            "dense last": [looked[0], dense],
            "in one pass": [looked[0] + dense + looked[1]],
            "between": [looked[0], dense, looked[1]],
        }[order]
        for loss in losses:
            loss.backward()
        made.append(weight.grad)
    same(*made)
    if order != "dense first":
        # A dense tensor is kept beside the rows.
        assert len(made[0]._lookups) == {"dense last": 1, "in one pass": 2, "between": 2}[order]
        assert made[0]._beside is not None
    made[0].mul_(2)
    same(made[0], made[1].mul_(2))


def test_a_dense_gradient_that_is_added_stays_as_it_is() -> None:
    mine, _ = twins()
    noise = torch.ones(6, 3)
    mine.grad.add_(noise)
    mine.grad.mul_(3).add_(noise)
    assert torch.equal(noise, torch.ones(6, 3))


@BOTH
@pytest.mark.parametrize("set_to_none", [False, True])
def test_zero_grad(sparse: bool, set_to_none: bool) -> None:
    mine, theirs = twins(sparse)
    for param, look_up in ((mine, ours), (theirs, torchs)):
        torch.optim.SGD([param], lr=1.0).zero_grad(set_to_none=set_to_none)
        assert param.grad is None if set_to_none else not param.grad.to_dense().any()
        look_up(torch.tensor([2, 2]), param, sparse).sum().backward()
    assert is_compact(mine.grad)
    same(mine.grad, theirs.grad)


@BOTH
@pytest.mark.parametrize(
    "hook",
    [lambda g: g * 2, lambda g: None, lambda g: g / 2 + g, lambda g: -g, lambda g: g.clone(), lambda g: g.neg_()],
)
def test_hooks(sparse: bool, hook: Any) -> None:
    made, seen = [], []
    for look_up in (ours, torchs):
        weight = parameter(6, 3)
        weight.register_hook(hook)
        weight.register_post_accumulate_grad_hook(lambda param: seen.append(param.grad.clone()))
        look_up(torch.tensor([0, 5, 5]), weight, sparse).square().sum().backward()
        made.append(weight.grad)
    same(*made)
    same(*seen)


@BOTH
def test_autograd_grad_and_retain_graph(sparse: bool) -> None:
    results = []
    for look_up in (ours, torchs):
        weight = parameter(6, 3)
        looked = look_up(torch.tensor([0, 5, 5]), weight, sparse)
        looked.retain_grad()
        loss = looked.square().sum()
        (gradient,) = torch.autograd.grad(loss, weight, retain_graph=True)
        loss.backward(retain_graph=True)
        loss.backward()
        results.append((gradient, weight.grad, looked.grad))
    assert type(results[0][0]) is EmbeddingGradient
    for one, two in zip(*results, strict=True):
        same(one, two)


def test_a_gradient_of_a_tensor_that_is_not_a_leaf() -> None:
    made = []
    for look_up in (ours, torchs):
        weight = parameter(6, 3)
        scaled = weight * 3
        scaled.retain_grad()
        look_up(torch.tensor([0, 5, 5]), scaled).square().sum().backward()
        made.append((weight.grad, scaled.grad))
    for one, two in zip(*made, strict=True):
        torch.testing.assert_close(one.to_dense(), two)


@BOTH
def test_checkpointing(sparse: bool) -> None:
    made = []
    for look_up in (ours, torchs):
        weight = parameter(6, 3)
        indices = torch.tensor([0, 5, 5])
        torch.utils.checkpoint.checkpoint(
            lambda indices=indices, weight=weight, look_up=look_up: look_up(indices, weight, sparse).square(),
            use_reentrant=False,
        ).sum().backward()
        made.append(weight.grad)
    same(*made)


def test_a_graph_of_the_gradient() -> None:
    made = []
    for look_up in (ours, torchs):
        weight, other = parameter(6, 3), parameter(3)
        loss = (look_up(torch.tensor([0, 5, 5]), weight) * other).sum() + weight.square().sum()
        (gradient,) = torch.autograd.grad(loss, weight, create_graph=True)
        # This lookup's backward pass has no graph of its own; the dense part has one.
        penalty = torch.autograd.grad(gradient.clone().square().sum(), weight)[0]
        made.append((gradient.detach(), penalty))
    for one, two in zip(*made, strict=True):
        same(one, two)


@BOTH
def test_a_copy_is_compact_and_of_its_own(sparse: bool) -> None:
    mine, theirs = twins(sparse)
    copied = copy.deepcopy(mine.grad)
    assert is_compact(copied)
    mine.grad.zero_()
    mine.grad.add_(1.0) if not sparse else None
    same(copied, theirs.grad)
    assert copied._lookups[0].values.data_ptr() != mine.grad.data_ptr() if not sparse else True


@BOTH
def test_what_is_saved_can_be_read_without_the_class(sparse: bool) -> None:
    mine, theirs = twins(sparse)
    stream = BytesIO()
    torch.save({"grad": mine.grad}, stream)
    for weights_only in (False, True):
        stream.seek(0)
        loaded = torch.load(stream, weights_only=weights_only)["grad"]
        assert type(loaded) is torch.Tensor
        same(loaded, theirs.grad)
    same(pickle.loads(pickle.dumps(mine.grad)), theirs.grad)  # noqa: S301 - its own
    assert is_compact(mine.grad)


@BOTH
def test_a_clone_is_a_plain_tensor(sparse: bool) -> None:
    mine, _ = twins(sparse)
    for clone in (torch.clone(mine.grad).detach(), mine.grad.clone(), mine.grad.detach().clone()):
        assert type(clone) is torch.Tensor
        clone.zero_()
    assert mine.grad.to_dense().any()


@BOTH
def test_it_reads_as_the_plain_form(sparse: bool) -> None:
    mine, theirs = twins(sparse)
    assert repr(mine.grad) == repr(theirs.grad)
    assert str(mine.grad) == str(theirs.grad)


@BOTH
def test_values_changed_in_place_are_noticed(sparse: bool) -> None:
    weight = parameter(6, 3)
    passed = torch.ones(3, 3)
    ours(torch.tensor([0, 5, 5]), weight, sparse).backward(passed)
    passed.mul_(2)
    uses: list[Callable[[Any], Any]] = [
        lambda g: g._lookups,
        lambda g: g.to_dense(),
        lambda g: g * 2,
        lambda g: g.mul_(2),
        lambda g: g.norm(),
        lambda g: g.sum(),
        lambda g: torch.zeros(6, 3).add_(g),
        copy.deepcopy,
        lambda g: g.view(-1),
    ]
    for use in uses:
        with pytest.raises(
            RuntimeError, match=r"was changed in place after backward\(\), it is at version 1, expected"
        ):
            use(weight.grad)
    weight.grad.zero_()
    assert not weight.grad.to_dense().any()


def test_a_gradient_keeps_neither_graph_nor_weight() -> None:
    weight = parameter(6, 3)
    looked = ours(torch.tensor([0, 5, 5]), weight)
    node = weakref.ref(looked.grad_fn)
    looked.square().sum().backward()
    gradient, gone = weight.grad, weakref.ref(weight)
    gc.disable()
    try:
        del weight, looked
        assert gone() is None
        assert node() is None
        content = weakref.ref(gradient._content)
        gradient.sum()
        del gradient
        assert content() is None
    finally:
        gc.enable()


@BOTH
@pytest.mark.parametrize("convert", ["double", "bfloat16", "half"])
def test_modules_convert_it_with_their_parameters(sparse: bool, convert: str) -> None:
    mine, theirs = twins(sparse)
    for param in (mine, theirs):
        module = torch.nn.Module()
        module.weight = param
        getattr(module, convert)()
    same(mine.grad, theirs.grad)
    assert mine.grad._beside is None


def test_many_threads_accumulate() -> None:
    weight = parameter(50, 3)
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        barrier.wait()
        for step in range(50):
            ours(torch.tensor([number, step]), weight).sum().backward()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = torch.full((50,), 4.0)
    expected[:4] += 50
    torch.testing.assert_close(weight.grad.to_dense(), expected[:, None].expand(50, 3))
