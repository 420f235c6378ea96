"""Embeddings on a device: torch's own lookup, a gradient that is never expanded, and nothing that waits."""

import contextlib
from typing import Any

import pytest
import torch

import fusedstep as fs
from fusedstep.arrays import torch_device
from fusedstep.torch import parameter_steps
from fusedstep.torch.embedding_gradient import EmbeddingGradient
from tests.devices import DEVICE, INTERPRETED, host
from tests.waits import NoWaits

pytestmark = pytest.mark.gpu

BAGS = [
    {"mode": "sum"},
    {"mode": "sum", "padding_idx": 3},
    {"mode": "mean"},
    {"mode": "mean", "padding_idx": 3},
    {"mode": "mean", "include_last_offset": True},
    {"mode": "sum", "weights": True, "padding_idx": 3},
]


def is_emulated() -> bool:
    """Whether the CPU is taken for a device, of which it is known what waits for it."""
    return "cpu" in torch_device.DEVICES


def made(kind: str, sparse: bool, place: str, **others: Any) -> Any:
    torch.manual_seed(1)
    if kind == "rows":
        return fs.torch.Embedding(30, 6, sparse=sparse, device=place, **others)
    return fs.torch.EmbeddingBag(30, 6, sparse=sparse, device=place, **others)


def loss_of(module: Any, generator: torch.Generator, weighted: bool, dtype: Any) -> torch.Tensor:
    """Two lookups of one table; the first in bags of which one is empty."""
    place = module.weight.device
    first = torch.randint(0, 30, (40,), generator=generator, dtype=dtype).to(place)
    second = torch.randint(0, 30, (4, 7), generator=generator, dtype=dtype).to(place)
    if isinstance(module, fs.torch.Embedding):
        found = [module(first), module(second)]
    else:
        ends = [40] if module.include_last_offset else []
        offsets = torch.tensor([0, 5, 5, 17, 30, *ends], dtype=dtype, device=place)
        factors = torch.rand(40, generator=generator).to(place) if weighted else None
        found = [module(first, offsets, factors), module(second)]
    scales = [torch.randn(each.shape, generator=generator).to(place) for each in found]
    return sum(((each * scale).sum() for each, scale in zip(found, scales, strict=True)), torch.zeros((), device=place))


def trained(kind: str, sparse: bool, place: str, optimizer: Any, dtype: Any, clip: bool, options: Any) -> torch.Tensor:
    options = dict(options)
    weighted, generator = options.pop("weights", False), torch.Generator().manual_seed(4)
    module = made(kind, sparse, place, **options)
    name, settings = optimizer
    if settings.get("defer"):
        settings = settings | {"defer": [module]}
    step = getattr(fs.torch, name)(module.parameters(), lr=0.1, **settings)
    for _ in range(3):
        step.zero_grad()
        loss = loss_of(module, generator, weighted, dtype)
        with NoWaits() if is_emulated() and not settings.get("defer") else contextlib.nullcontext():
            loss.backward()
            assert type(module.weight.grad) is EmbeddingGradient
            if clip:
                fs.torch.clip_grad_norm_(module.parameters(), 0.5)
            step.step()
            assert module.weight.grad._beside is None
    if settings.get("defer"):
        step.flush()
    return module.weight.detach().cpu()


def on_both(bound: float, *arguments: Any) -> None:
    kind, sparse, *others = arguments
    found = trained(kind, sparse, DEVICE, *others)
    with host():
        expected = trained(kind, sparse, "cpu", *others)
    torch.testing.assert_close(found, expected, rtol=bound, atol=bound)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("options", BAGS, ids=str)
def test_bags_train_as_on_the_cpu(options: Any, sparse: bool, device: str) -> None:
    on_both(0.0, "bags", sparse, ("SGD", {}), torch.int64, False, options)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("padding", [None, 3])
def test_rows_train_as_on_the_cpu(padding: Any, sparse: bool, device: str) -> None:
    on_both(0.0, "rows", sparse, ("Adam", {}), torch.int32, False, {"padding_idx": padding})


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", ["rows", "bags"])
def test_clipped_gradients_stay_as_they_are(kind: str, sparse: bool, device: str) -> None:
    on_both(1e-6, kind, sparse, ("Adam", {}), torch.int64, True, {"padding_idx": 3})


@pytest.mark.parametrize("settings", [{"rows": "every"}, {"defer": True}], ids=str)
def test_rows_that_no_one_looks_up(settings: Any, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "defer" in settings:
        # Where there is a device, its host counts the steps.
        monkeypatch.setattr(parameter_steps, "to_number", float)
    # The closed form of rows that catch up is within the last places of the CPU's.
    on_both(
        1e-6 if "defer" in settings else 0.0,
        "bags",
        True,
        ("Adam", settings),
        torch.int64,
        False,
        {"mode": "mean", "padding_idx": 3},
    )


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", ["rows", "bags"])
def test_plain_forms_are_those_of_torch(kind: str, sparse: bool, device: str) -> None:
    ours = made(kind, sparse, DEVICE, padding_idx=3)
    base = torch.nn.Embedding if kind == "rows" else torch.nn.EmbeddingBag
    theirs = base(30, 6, sparse=sparse, padding_idx=3, _weight=ours.weight.detach().clone(), device=DEVICE)
    ids = torch.tensor([[3, 3, 3], [1, 3, 1], [4, 29, 1]], device=DEVICE)
    for module in (ours, theirs):
        module(ids).square().sum().backward()
    grad, expected = ours.weight.grad, theirs.weight.grad
    torch.testing.assert_close(grad.to_dense(), expected.to_dense())
    assert grad.is_sparse == sparse
    if not INTERPRETED:
        assert torch.equal(grad.to("cpu").to_dense(), expected.to_dense().cpu())
    if sparse:
        assert 3 not in grad.coalesce().indices()
    for order in (0.5, 1, 2, 3, float("inf")):
        torch.testing.assert_close(
            torch.linalg.vector_norm(grad, order), torch.linalg.vector_norm(expected.to_dense(), order)
        )


def test_scaled_gradients_are_unscaled_where_they_are(device: str) -> None:
    module = made("bags", False, DEVICE, padding_idx=3)
    optimizer = fs.torch.SGD(module.parameters(), lr=1.0)
    scaler = torch.amp.GradScaler(DEVICE, init_scale=4.0)
    before = module.weight.detach().clone()
    ids = torch.tensor([[1, 3, 2]], device=DEVICE)
    scaler.scale(module(ids).sum()).backward()
    scaler.unscale_(optimizer)
    assert type(module.weight.grad) is EmbeddingGradient
    scaler.step(optimizer)
    before[1:3] -= 0.5
    assert torch.equal(module.weight.detach(), before)


def test_the_guard_finds_what_waits() -> None:
    tensor = torch.tensor([1, 2, 1])
    for waits in (
        lambda: tensor[0].item(),
        lambda: tensor[tensor > 1],
        lambda: tensor.unique(),
        lambda: bool(tensor[0]),
    ):
        with pytest.raises(AssertionError, match="waits for the device"), NoWaits():
            waits()
