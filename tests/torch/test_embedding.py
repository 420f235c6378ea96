"""Embeddings equal torch's: results bit for bit, gradients too where their sums are exact."""

import copy
import io
import itertools
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import fusedstep as fs
from fusedstep.torch.embedding_gradient import EmbeddingGradient

ROWS, WIDTH = 23, 3
SETTINGS: list[dict[str, Any]] = [
    {},
    {"sparse": True},
    {"padding_idx": 0},
    {"padding_idx": -2, "sparse": True},
    {"max_norm": 1.0},
    {"max_norm": 0.5, "norm_type": 1.0, "sparse": True},
    {"scale_grad_by_freq": True},
    {"scale_grad_by_freq": True, "padding_idx": 3},
]


def pair(ours: Any, theirs: Any, *args: Any, **settings: Any) -> tuple[Any, Any]:
    """A module of ours and of torch's, with the same weight."""
    torch.manual_seed(7)
    one, two = ours(*args, **settings), theirs(*args, **settings)
    two.load_state_dict(one.state_dict())
    return one, two


def exact(shape: Any, dtype: Any = torch.float32) -> Any:
    """A gradient whose sums are exact in any order."""
    return torch.randint(-8, 9, tuple(shape)).to(dtype) / 4


def assert_same_gradient(one: Any, two: Any) -> None:
    assert type(one) is EmbeddingGradient
    assert one.is_sparse == two.is_sparse
    assert torch.equal(one.to_dense(), two.to_dense())


SHAPES: list[Any] = [(), (1,), (40,), (0,), (5, 4), (3, 0, 2), (2, 3, 4)]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_results_and_gradients_are_torchs(settings: Any, dtype: Any) -> None:
    ours, theirs = pair(fs.torch.Embedding, nn.Embedding, ROWS, WIDTH, dtype=dtype, **settings)
    for shape, width in itertools.product(SHAPES, (torch.int32, torch.int64)):
        if shape == () and settings.get("sparse") and "padding_idx" in settings:
            # torch's own gradient fails.
            continue
        ids = torch.randint(0, ROWS, shape).to(width)
        results = ours(ids), theirs(ids)
        assert torch.equal(*results)
        assert torch.equal(ours.weight, theirs.weight)
        gradient = exact(results[0].shape, dtype)
        for module, result in zip((ours, theirs), results, strict=True):
            module.zero_grad()
            result.backward(gradient)
        if settings.get("scale_grad_by_freq"):
            torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
        else:
            assert_same_gradient(ours.weight.grad, theirs.weight.grad)


@pytest.mark.parametrize("padding", [None, 4])
@pytest.mark.parametrize("shape", [(6, 5), (2, 3, 4)])
@pytest.mark.parametrize("how", ["mean", "sum", "all", "last", "first"])
def test_the_gradient_of_a_pooled_result_is_not_expanded(how: str, shape: Any, padding: Any) -> None:
    ours, theirs = pair(fs.torch.Embedding, nn.Embedding, ROWS, WIDTH, padding_idx=padding)
    ids = torch.randint(0, ROWS, shape)
    ids[0, 0] = 4
    pool = {
        "mean": lambda result: result.sum(-2) / 4,
        "sum": lambda result: result.sum((-3, -2)),
        "all": lambda result: result.sum(),
        "last": lambda result: result.sum(-1),
        "first": lambda result: result.sum(0),
    }[how]
    for module in (ours, theirs):
        result = pool(module(ids))
        result.backward(torch.arange(result.numel()).reshape(result.shape) / 4)
    assert_same_gradient(ours.weight.grad, theirs.weight.grad)
    (lookup,) = ours.weight.grad._lookups
    if how in ("mean", "sum", "all"):
        assert len(lookup.values) < ids.numel() - 2
    assert len(lookup.indices) == sum(each != padding for each in ids.reshape(-1).tolist())


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,), (3, 0)])
@pytest.mark.parametrize("sparse", [False, True])
def test_rows_may_have_no_elements(sparse: bool, shape: tuple[int, ...]) -> None:
    ours, theirs = pair(fs.torch.Embedding, nn.Embedding, ROWS, 0, sparse=sparse)
    for module in (ours, theirs):
        module(torch.ones(shape, dtype=torch.int64)).sum().backward()
    assert ours.weight.grad.shape == theirs.weight.grad.shape == (ROWS, 0)
    assert fs.torch.SGD(ours.parameters(), lr=0.5).step() is None


def test_the_gradient_is_handed_on_as_it_came() -> None:
    table = fs.torch.Embedding(ROWS, WIDTH, padding_idx=1)
    ids = torch.tensor([[1, 2], [2, 5]], dtype=torch.int32)
    came: list[Any] = []
    result = table(ids)
    result.register_hook(came.append)
    (result * 2).square().sum().backward()
    (lookup,) = table.weight.grad._lookups
    assert lookup.values.data_ptr() == came[0].data_ptr()
    assert lookup.indices.dtype is torch.int32
    assert lookup.indices.tolist() == [2, 2, 5]
    assert lookup.offsets.tolist() == [0, 0, 1, 2]


def test_ids_may_be_filled_again_before_the_step() -> None:
    ours, theirs = pair(fs.torch.Embedding, nn.Embedding, ROWS, WIDTH)
    ids = torch.tensor([3, 4, 4])
    for module in (ours, theirs):
        ids.copy_(torch.tensor([3, 4, 4]))
        module(ids).sum().backward()
        ids.fill_(99)
    assert_same_gradient(ours.weight.grad, theirs.weight.grad)


def test_ids_that_change_before_the_backward_pass_are_refused_as_by_torch() -> None:
    for module in pair(fs.torch.Embedding, nn.Embedding, ROWS, WIDTH):
        ids = torch.tensor([3, 4, 4])
        result = module(ids)
        ids.fill_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            result.sum().backward()


def test_what_torch_refuses_later_is_refused_by_the_constructor() -> None:
    with pytest.raises(ValueError, match=r"Embedding: sparse is True beside scale_grad_by_freq=True.*; pass"):
        fs.torch.Embedding(ROWS, WIDTH, sparse=True, scale_grad_by_freq=True)
    with pytest.raises(AssertionError, match="Padding_idx must be within"):
        fs.torch.Embedding(ROWS, WIDTH, padding_idx=ROWS)


@pytest.mark.parametrize(
    ("ids", "error"),
    [
        (torch.tensor([ROWS]), IndexError),
        (torch.tensor([-1]), IndexError),
        (torch.tensor([0.5]), RuntimeError),
        ([1, 2], TypeError),
    ],
)
def test_invalid_ids_have_torchs_errors(ids: Any, error: Any) -> None:
    ours, theirs = pair(fs.torch.Embedding, nn.Embedding, ROWS, WIDTH)
    with pytest.raises(error) as expected:
        theirs(ids)
    with pytest.raises(error) as raised:
        ours(ids)
    assert str(raised.value) == str(expected.value)


def test_what_a_module_is_otherwise_is_torchs() -> None:
    rows = torch.randn(ROWS, WIDTH)
    settings: Any = {"padding_idx": 2, "max_norm": 3.0, "norm_type": 1.0, "sparse": True}
    ours, theirs = (kind.from_pretrained(rows, **settings) for kind in (fs.torch.Embedding, nn.Embedding))
    assert isinstance(ours, fs.torch.Embedding)
    assert not ours.weight.requires_grad
    assert repr(ours) == repr(theirs)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert ours.weight.data_ptr() == rows.data_ptr()
    assert nn.utils.skip_init(fs.torch.Embedding, ROWS, WIDTH, dtype=torch.float64).weight.dtype is torch.float64
    assert fs.torch.Embedding(ROWS, WIDTH, device="meta").to_empty(device="cpu").weight.shape == (ROWS, WIDTH)
    torch.manual_seed(3)
    one = fs.torch.Embedding(ROWS, WIDTH, padding_idx=4)
    torch.manual_seed(3)
    assert torch.equal(one.weight, nn.Embedding(ROWS, WIDTH, padding_idx=4).weight)


def saved(module: Any) -> Any:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES: dict[str, Any] = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda module: pickle.loads(pickle.dumps(module)),  # noqa: S301 - our own
    "save": saved,
    "double": lambda module: module.double(),
    "half": lambda module: module.half(),
    "cpu": lambda module: module.to("cpu"),
    "share_memory": lambda module: module.share_memory(),
    "train": lambda module: module.eval().train(),
}


@pytest.mark.parametrize("kind", ["Embedding", "EmbeddingBag"])
@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("trained", [False, True])
def test_copies_work_as_torchs(how: str, kind: str, trained: bool) -> None:
    ours, theirs = pair(getattr(fs.torch, kind), getattr(nn, kind), ROWS, WIDTH)
    ids = torch.tensor([[1, 5, 5, 2]])
    if trained:
        for module in (ours, theirs):
            module(ids).sum().backward()
    ours, theirs = COPIES[how](ours), COPIES[how](theirs)
    assert type(ours) is getattr(fs.torch, kind)
    for _ in range(2):
        results = ours(ids), theirs(ids)
        assert torch.equal(*results)
        for result in results:
            result.sum().backward()
    assert_same_gradient(ours.weight.grad, theirs.weight.grad)


CHANGES: dict[str, Any] = {
    "prune": lambda module: prune.l1_unstructured(module, "weight", 0.5),
    "weight_norm": lambda module: nn.utils.parametrizations.weight_norm(module, "weight"),
    "parametrize": lambda module: nn.utils.parametrize.register_parametrization(module, "weight", nn.Tanh()),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("kind", ["Embedding", "EmbeddingBag"])
@pytest.mark.parametrize("how", CHANGES)
def test_computed_weights_get_torchs_gradient(how: str, kind: str) -> None:
    ours, theirs = pair(getattr(fs.torch, kind), getattr(nn, kind), ROWS, WIDTH)
    ids = torch.tensor([[1, 5, 5, 2]])
    for module in (ours, theirs):
        CHANGES[how](module)
        module(ids).square().sum().backward()
    for one, two in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad, rtol=0, atol=0)


def test_a_subclass_may_have_a_forward_of_its_own() -> None:
    class Hashed(fs.torch.Embedding):
        def forward(self, words: Any) -> Any:
            return super().forward(words % ROWS) * 2

    module, plain = pair(Hashed, nn.Embedding, ROWS, WIDTH)
    ids = torch.tensor([1, 2, ROWS + 2])
    module(ids).sum().backward()
    (plain(ids % ROWS) * 2).sum().backward()
    assert_same_gradient(module.weight.grad, plain.weight.grad)


@pytest.mark.parametrize("sparse", [False, True])
def test_torchs_sgd_trains_both_alike(sparse: bool) -> None:
    ours, theirs = pair(fs.torch.Embedding, nn.Embedding, ROWS, WIDTH, sparse=sparse, padding_idx=2)
    optimizers = [torch.optim.SGD(module.parameters(), lr=0.25) for module in (ours, theirs)]
    for _ in range(5):
        ids, gradient = torch.randint(0, ROWS, (4, 3)), exact((4, 3, WIDTH))
        for module, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            for _ in range(2):
                module(ids).backward(gradient)
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-6, atol=1e-6)
