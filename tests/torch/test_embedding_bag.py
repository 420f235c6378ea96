"""Bags of embeddings equal torch's: results bit for bit, gradients too where their sums are exact."""

import itertools
from typing import Any

import pytest
import torch
from torch import nn

import fusedstep as fs
from tests.torch.test_embedding import ROWS, WIDTH, assert_same_gradient, exact, pair

CASES = [
    {"mode": mode, "include_last_offset": last, "padding_idx": padding, "sparse": sparse}
    for mode, last, padding, sparse in itertools.product(
        ("sum", "mean", "max"), (False, True), (None, 3), (False, True)
    )
    if not (mode == "max" and sparse)
]
OFFSETS = [[0, 4, 4, 6, 14], [0, 0, 0], [0, 16], [0]]


def random_ids(shape: Any, width: Any) -> Any:
    """Ids with duplicates, and bags that are all padding."""
    ids = torch.randint(0, ROWS, shape).to(width)
    ids.view(-1)[4:6] = 3
    return ids


def inputs(last: bool, width: Any) -> Any:
    """Ids and offsets in all forms."""
    yield random_ids((4, 4), width), None
    yield random_ids((7, 1), width), None
    for offsets in OFFSETS:
        yield random_ids((16,), width), torch.tensor([*offsets, *last * [16]], dtype=width)
    yield torch.tensor([], dtype=width), torch.tensor([0, 0, 0], dtype=width)


@pytest.mark.parametrize("settings", CASES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("width", [torch.int32, torch.int64])
def test_results_and_gradients_are_torchs(settings: Any, dtype: Any, width: Any) -> None:
    ours, theirs = pair(fs.torch.EmbeddingBag, nn.EmbeddingBag, ROWS, WIDTH, dtype=dtype, **settings)
    for ids, offsets in inputs(settings["include_last_offset"], width):
        results = ours(ids, offsets), theirs(ids, offsets)
        assert torch.equal(*results)
        gradient = exact(results[0].shape, dtype)
        for module, result in zip((ours, theirs), results, strict=True):
            module.zero_grad()
            result.backward(gradient)
        if settings["mode"] == "mean":
            torch.testing.assert_close(ours.weight.grad.to_dense(), theirs.weight.grad.to_dense())
        elif settings["mode"] == "max":
            assert torch.equal(ours.weight.grad, theirs.weight.grad)
        else:
            assert_same_gradient(ours.weight.grad, theirs.weight.grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_16_bit_tables_sum_in_float32(mode: str, dtype: Any) -> None:
    ours, theirs = pair(fs.torch.EmbeddingBag, nn.EmbeddingBag, ROWS, WIDTH, dtype=dtype, mode=mode)
    ids = torch.randint(0, ROWS, (64, 3))
    results = ours(ids), theirs(ids)
    assert torch.equal(*results)
    gradient = torch.randn(64, WIDTH, dtype=dtype)
    results[0].backward(gradient)
    exactly = torch.zeros(ROWS, WIDTH, dtype=torch.float64)
    parts = gradient.double() / (3 if mode == "mean" else 1)
    exactly.index_add_(0, ids.reshape(-1), parts.repeat_interleave(3, 0))
    torch.testing.assert_close(ours.weight.grad.to_dense().double(), exactly, rtol=torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_mean_is_within_one_place_of_torchs(dtype: Any) -> None:
    sizes = torch.arange(1, 200)
    count = int(sizes.sum())
    ours, theirs = pair(fs.torch.EmbeddingBag, nn.EmbeddingBag, count, 2, mode="mean", dtype=dtype)
    # Each row is looked up once: its gradient is one quotient.
    gradient = torch.randn(len(sizes), 2, dtype=dtype)
    for module in (ours, theirs):
        module(torch.randperm(count), sizes.cumsum(0) - sizes)
    ids = torch.randperm(count)
    for module in (ours, theirs):
        module(ids, sizes.cumsum(0) - sizes).backward(gradient)
    one, two = ours.weight.grad.to_dense(), theirs.weight.grad
    up, down = torch.nextafter(two, two + 1), torch.nextafter(two, two - 1)
    assert ((one >= down) & (one <= up)).all()


@pytest.mark.parametrize("padding", [None, 3])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("trains", ["both", "weight", "factors"])
@pytest.mark.parametrize("last", [False, True])
def test_factors_and_their_gradient_are_torchs(last: bool, trains: str, sparse: bool, padding: Any) -> None:
    settings: Any = {"mode": "sum", "sparse": sparse, "padding_idx": padding, "include_last_offset": last}
    ours, theirs = pair(fs.torch.EmbeddingBag, nn.EmbeddingBag, ROWS, WIDTH, **settings)
    for width in (torch.int32, torch.int64):
        for ids, offsets in inputs(last, width):
            found = []
            for module in (ours, theirs):
                module.zero_grad()
                module.weight.requires_grad_(trains != "factors")
                torch.manual_seed(1)
                factors = (torch.randint(0, 5, ids.shape) / 4).requires_grad_(trains != "weight")
                result = module(ids, offsets, per_sample_weights=factors)
                result.backward(exact(result.shape))
                # Factors may be filled again before the step.
                factors.detach().fill_(float("nan"))
                found.append((result.detach(), factors.grad, module.weight.grad))
            for one, two in zip(*found, strict=True):
                assert (one is None) == (two is None)
                if one is not None:
                    assert torch.equal(one.to_dense(), two.to_dense())


def test_nothing_is_expanded() -> None:
    table = fs.torch.EmbeddingBag(ROWS, WIDTH, mode="sum", padding_idx=3)
    ids, offsets = torch.tensor([3, 1, 2, 3, 3, 3, 1]), torch.tensor([0, 2, 3, 3, 6])
    came: list[Any] = []
    result = table(ids, offsets)
    result.register_hook(came.append)
    (result * 2).square().sum().backward()
    (lookup,) = table.weight.grad._lookups
    assert lookup.values.data_ptr() == came[0].data_ptr()
    assert lookup.indices.tolist() == [1, 2, 1]
    assert lookup.offsets.tolist() == [0, 1, 2, 2, 2]


def test_ids_offsets_and_factors_may_be_filled_again_before_the_step() -> None:
    ours, theirs = pair(fs.torch.EmbeddingBag, nn.EmbeddingBag, ROWS, WIDTH, mode="sum")
    for module in (ours, theirs):
        ids, offsets, factors = torch.tensor([3, 4, 4]), torch.tensor([0, 1]), torch.tensor([0.5, 2.0, 1.0])
        module(ids, offsets, factors).sum().backward()
        for each in (ids, offsets, factors):
            each.fill_(0)
    assert_same_gradient(ours.weight.grad, theirs.weight.grad)


def test_an_empty_bag_of_a_mean_leaves_finite_numbers() -> None:
    table = fs.torch.EmbeddingBag(ROWS, WIDTH, mode="mean")
    table(torch.tensor([1]), torch.tensor([0, 1, 1])).sum().backward()
    (lookup,) = table.weight.grad._lookups
    assert lookup.values.isfinite().all()
    assert table.weight.grad.to_dense()[1].tolist() == [1.0] * WIDTH


def test_rows_with_large_norms_are_scaled_as_by_torch() -> None:
    ours, theirs = pair(fs.torch.EmbeddingBag, nn.EmbeddingBag, ROWS, WIDTH, max_norm=0.5, norm_type=1.0)
    ids, before = torch.randint(0, ROWS, (5, 4)), [module.weight._version for module in (ours, theirs)]
    assert torch.equal(ours(ids), theirs(ids))
    assert torch.equal(ours.weight, theirs.weight)
    assert ours.weight._version - before[0] == theirs.weight._version - before[1] > 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mode": "max", "sparse": True}, 'sparse is True beside mode="max".*pass sparse=False'),
        ({"mode": "max", "scale_grad_by_freq": True}, 'scale_grad_by_freq is True beside mode="max"'),
        ({"mode": "sum", "scale_grad_by_freq": True, "sparse": True}, "sparse is True beside scale_grad_by_freq=True"),
        ({"mode": "median"}, 'mode is \'median\', expected "sum", "mean" or "max"'),
    ],
)
def test_what_torch_refuses_later_is_refused_by_the_constructor(settings: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"EmbeddingBag: {words}"):
        fs.torch.EmbeddingBag(ROWS, WIDTH, **settings)


@pytest.mark.parametrize("sparse", [False, True])
def test_torchs_gradient_serves_where_torch_scales_by_frequency(sparse: bool) -> None:
    if sparse:
        module = fs.torch.EmbeddingBag(ROWS, WIDTH, scale_grad_by_freq=True)
        module.sparse = True
        with pytest.raises(RuntimeError, match="sparse"):
            module(torch.tensor([[1, 2]])).sum().backward()
        return
    ours, theirs = pair(fs.torch.EmbeddingBag, nn.EmbeddingBag, ROWS, WIDTH, mode="sum", scale_grad_by_freq=True)
    for module in (ours, theirs):
        module(torch.tensor([[1, 2, 2], [5, 2, 1]])).sum().backward()
    assert torch.equal(ours.weight.grad, theirs.weight.grad)


@pytest.mark.parametrize(
    "arguments",
    [
        (torch.tensor([1, 2]),),
        (torch.tensor([[1, 2]]), torch.tensor([0])),
        (torch.tensor([1, 2]), torch.tensor([1])),
        (torch.tensor([1, 2]), torch.tensor([0, 3])),
        (torch.tensor([1, ROWS]), torch.tensor([0])),
        (torch.tensor([[[1]]]),),
        (torch.tensor([1, 2]), torch.tensor([0]), torch.tensor([1.0])),
        (torch.tensor([1, 2]), torch.tensor([0]), torch.tensor([1, 2])),
    ],
)
def test_invalid_input_has_torchs_errors(arguments: Any) -> None:
    ours, theirs = pair(fs.torch.EmbeddingBag, nn.EmbeddingBag, ROWS, WIDTH, mode="sum")
    with pytest.raises((RuntimeError, ValueError, IndexError)) as expected:
        theirs(*arguments)
    with pytest.raises(type(expected.value)) as raised:
        ours(*arguments)
    assert str(raised.value) == str(expected.value)


def test_factors_of_a_mean_have_torchs_error() -> None:
    with pytest.raises(NotImplementedError, match="per_sample_weights is only supported for mode='sum'"):
        fs.torch.EmbeddingBag(ROWS, WIDTH)(torch.tensor([[1]]), per_sample_weights=torch.tensor([[1.0]]))


def test_what_a_module_is_otherwise_is_torchs() -> None:
    rows = torch.randn(ROWS, WIDTH)
    settings: Any = {"padding_idx": 2, "max_norm": 3.0, "mode": "sum", "include_last_offset": True, "sparse": True}
    ours, theirs = (kind.from_pretrained(rows, **settings) for kind in (fs.torch.EmbeddingBag, nn.EmbeddingBag))
    assert isinstance(ours, fs.torch.EmbeddingBag)
    assert not ours.weight.requires_grad
    assert repr(ours) == repr(theirs)
    assert ours.state_dict().keys() == theirs.state_dict().keys()


@pytest.mark.parametrize("sparse", [False, True])
def test_nested_ids_get_torchs_gradient(sparse: bool) -> None:
    ours, theirs = pair(fs.torch.EmbeddingBag, nn.EmbeddingBag, ROWS, WIDTH, mode="sum", sparse=sparse)
    ids = torch.nested.nested_tensor([torch.tensor([1, 2]), torch.tensor([2, 2, 5])], layout=torch.jagged)
    for module in (ours, theirs):
        module(ids).sum().backward()
    assert torch.equal(ours.weight.grad.to_dense(), theirs.weight.grad.to_dense())


def test_random_calls_equal_torchs() -> None:
    for seed in range(150):
        torch.manual_seed(seed)
        draw = torch.Generator().manual_seed(seed)

        def number(high: int, draw: Any = draw) -> int:
            return int(torch.randint(0, high, (), generator=draw))

        rows, bags, count = 1 + number(9), number(6), number(20)
        mode, last = ("sum", "mean", "max")[number(3)], bool(number(2))
        settings: Any = {
            "mode": mode,
            "include_last_offset": last,
            "padding_idx": number(rows) if number(2) else None,
            "sparse": bool(number(2)) and mode != "max",
            "max_norm": 0.5 if number(3) == 0 else None,
        }
        ours, theirs = pair(fs.torch.EmbeddingBag, nn.EmbeddingBag, rows, 1 + number(5), **settings)
        starts = [0, *sorted(number(count + 1) for _ in range(bags))]
        ids, offsets = torch.randint(0, rows, (count,)), torch.tensor(starts + last * [count])
        factors = torch.randint(-3, 4, (count,)) / 4 if mode == "sum" and number(2) else None
        results = [module(ids, offsets, factors) for module in (ours, theirs)]
        assert torch.equal(*results), settings
        gradient = exact(results[0].shape)
        for result in results:
            result.backward(gradient)
        torch.testing.assert_close(
            ours.weight.grad.to_dense(), theirs.weight.grad.to_dense(), rtol=1e-6, atol=1e-6, msg=str((seed, settings))
        )
