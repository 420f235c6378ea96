"""Lookups, with and without bags, as the tensors that stand for their gradients."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from fusedstep.torch.embedding_gradient import Lookup, sums  # noqa: E402
from fusedstep.torch.embedding_gradient.sums import coo, dense, expanded, merged  # noqa: E402

SHAPE = torch.Size([7, 3])


def lookups(index: Any = torch.int64, dtype: Any = torch.float32) -> list[Any]:
    """One of each form: plain, weighted, bags with empty ones, bags with weights, and two of nothing."""
    rows = torch.tensor([2, 5, 2, 2, 0], dtype=index)
    values = (torch.arange(15.0).reshape(5, 3) / 7 - 1).to(dtype)
    offsets = torch.tensor([0, 0, 3, 3, 5], dtype=index)
    weights = torch.tensor([0.5, 0, -3, 1.25, 1 / 3], dtype=dtype)
    return [
        Lookup(values, rows),
        Lookup(values, rows, None, weights),
        Lookup(values * 3, rows, offsets),
        Lookup(values / 3, rows, offsets, weights),
        Lookup(values[:2], rows[:0], offsets[:2]),
        Lookup(values[:0], rows[:0]),
    ]


def reference(chosen: Any, dtype: Any = torch.float32) -> Any:
    """Each row's gradients summed one after another in the compute type."""
    total = torch.zeros(SHAPE, dtype=torch.float64 if dtype is torch.float64 else torch.float32)
    for values, rows, offsets, weights in chosen:
        starts = range(len(rows)) if offsets is None else offsets.tolist()
        ends = [*starts, len(rows)][1:]
        for bag, (start, end) in enumerate(zip(starts, ends, strict=True)):
            for position in range(start, end):
                factor = 1 if weights is None else weights[position].to(total.dtype)
                total[rows[position]] += values[bag].to(total.dtype) * factor
    return total.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("index", [torch.int32, torch.int64], ids=str)
@pytest.mark.parametrize("which", [slice(at, at + 1) for at in range(6)] + [slice(None), slice(2, 4)])
def test_all_forms_stand_for_the_same_gradient(which: Any, index: Any, dtype: Any) -> None:
    chosen = lookups(index, dtype)[which]
    expected = reference(chosen, dtype)
    found = dense(chosen, SHAPE, dtype)
    assert found.dtype is dtype
    assert torch.equal(found, expected)
    rows = merged(chosen, SHAPE, dtype)
    assert rows.places.tolist() == sorted({row for each in chosen for row in each.indices.tolist()})
    assert torch.equal(torch.zeros(SHAPE, dtype=dtype).index_copy_(0, *rows), expected)
    sparse = coo(chosen, SHAPE, dtype)
    assert not sparse.is_coalesced() or not sparse._nnz()
    assert sparse._indices()[0].tolist() == [row for each in chosen for row in each.indices.tolist()]
    if dtype.itemsize > 2:
        torch.testing.assert_close(sparse.to_dense(), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("index", [torch.int32, torch.int64], ids=str)
def test_kernels_and_torch_merge_alike(index: Any, dtype: Any, monkeypatch: Any) -> None:
    chosen = lookups(index, dtype)
    # Views with gaps, as pooled results that were sliced have them, and values of the compute type beside 16 bits.
    chosen.append(
        Lookup(torch.randn(5, 6)[:, ::2].to(torch.float64 if dtype.itemsize == 8 else torch.float32), *chosen[3][1:])
    )
    expected = sums.merged_by_torch(chosen, dtype)
    # On the CPU, no index has a gradient row of its own.
    monkeypatch.setattr(sums, "merged_by_torch", None)
    monkeypatch.setattr(sums, "expanded", None)
    found = merged(chosen, SHAPE, dtype)
    assert all(map(torch.equal, found, expected))
    assert [each.dtype for each in found] == [torch.int64, dtype]


def test_a_row_with_weights_of_zero_is_named() -> None:
    rows = merged([Lookup(torch.ones(1, 3), torch.tensor([4]), None, torch.zeros(1))], SHAPE, torch.float32)
    assert (rows.places.tolist(), rows.values.tolist()) == ([4], [[0.0] * 3])


@pytest.mark.parametrize("index", [torch.int32, torch.int64], ids=str)
def test_memory_of_a_coo_tensor_is_its_own(index: Any) -> None:
    for lookup in lookups(index)[:4]:
        values, indices = lookup.values.clone(), lookup.indices.clone()
        sparse = coo([lookup], SHAPE, torch.float32)
        sparse._values().zero_()
        sparse._indices().fill_(6)
        assert torch.equal(lookup.values, values)
        assert torch.equal(lookup.indices, indices)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64], ids=str)
@pytest.mark.parametrize("shape", [(4,), (4, 0), (4, 2, 5), (0, 3)])
def test_any_number_of_dimensions(shape: Any, dtype: Any) -> None:
    rows = torch.tensor([3, 3, 1] if shape[0] else [], dtype=torch.int64)
    values = torch.randn(len(rows), *shape[1:], dtype=dtype)
    lookup = Lookup(values, rows, None, torch.full((len(rows),), 2.0))
    assert expanded(lookup).values.shape == values.shape
    found = dense([lookup], torch.Size(shape), dtype)
    assert torch.equal(found, torch.zeros(shape, dtype=dtype).index_add_(0, rows, values * 2))
