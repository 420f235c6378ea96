"""Gradients of every layout and dtype that a parameter may have."""

import itertools
from typing import Any

import pytest

import fusedstep as fs
from fusedstep.torch.gradients import read_gradient
from tests.torch.test_optimizer import ALL, build

torch = pytest.importorskip("torch")

SHAPE = (4, 3, 2)


def draw(*shape: int, seed: int = 0) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def laid_out(values: Any, layout: str) -> Any:
    """A parameter with some values."""
    if layout == "transposed":
        values = values.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    elif layout == "gaps":
        values = torch.stack([values, values], -1)[..., 0]
    elif layout == "columns":
        values = torch.cat([values, values], 1)[:, :3]
    return (
        values.clone(memory_format=torch.preserve_format).requires_grad_()
        if layout == "plain"
        else values.requires_grad_()
    )


def entries(dimensions: int, count: int, seed: int) -> Any:
    """A sparse gradient with duplicates along the first dimensions."""
    generator = torch.Generator().manual_seed(seed)
    places = [torch.randint(size, (count,), generator=generator) for size in SHAPE[:dimensions]]
    values = draw(count, *SHAPE[dimensions:], seed=seed)
    indices = torch.stack(places) if places else torch.zeros(0, count, dtype=torch.int64)
    return torch.sparse_coo_tensor(indices, values, SHAPE, check_invariants=True)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("dimensions", "layout"), list(itertools.product(range(4), ["plain", "transposed", "gaps", "columns"]))
)
def test_every_row_steps_as_with_the_dense_gradient(name: str, dimensions: int, layout: str) -> None:
    sparse, dense = laid_out(draw(*SHAPE), layout), laid_out(draw(*SHAPE), "plain")
    optimizers = build(name, [sparse], rows="every"), build(name, [dense])
    for seed in range(3):
        sparse.grad = entries(dimensions, 9, seed)
        dense.grad = sparse.grad.to_dense()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(sparse.detach(), dense.detach(), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_touched_entries_step_alone(dimensions: int) -> None:
    param, rows = draw(*SHAPE).requires_grad_(), draw(*SHAPE).reshape(-1, *SHAPE[dimensions:]).requires_grad_()
    optimizers = [fs.torch.AdamW([each], lr=0.1) for each in (param, rows)]
    for seed in range(3):
        param.grad = entries(dimensions, 5, seed)
        flat = torch.zeros(5, dtype=torch.int64)
        for size, place in zip(SHAPE, param.grad._indices(), strict=False):
            flat = flat * size + place
        rows.grad = torch.sparse_coo_tensor(flat[None], param.grad._values(), rows.shape, check_invariants=True)
        for optimizer in optimizers:
            optimizer.step()
    assert torch.equal(param.detach().reshape(rows.shape), rows.detach())


def test_what_autograd_makes_of_gather_and_embeddings() -> None:
    table = draw(5, 4).requires_grad_()
    expected = table.detach().clone().requires_grad_()
    optimizer, reference = fs.torch.Adagrad([table], lr=0.1), torch.optim.Adagrad([expected], lr=0.1)
    index = torch.tensor([[0, 1, 1, 3], [4, 1, 0, 3]])
    for each in (table, expected):
        torch.gather(each, 0, index, sparse_grad=True).square().sum().backward()
    assert table.grad.sparse_dim() == 2
    optimizer.step()
    reference.step()
    torch.testing.assert_close(table, expected)


def test_a_number_and_an_empty_gradient() -> None:
    number = torch.tensor(2.0, requires_grad=True)
    number.grad = torch.tensor(0.5).to_sparse()
    fs.torch.SGD([number], lr=0.5).step()
    assert number.item() == 1.75
    table = draw(*SHAPE).requires_grad_()
    before = table.detach().clone()
    for dimensions in (1, 2, 3):
        table.grad = torch.sparse_coo_tensor(size=SHAPE, dtype=torch.float64).to_dense().to_sparse(dimensions)
        fs.torch.AdamW([table], lr=0.1).step()
    assert torch.equal(table, before)


@pytest.mark.parametrize(
    ("places", "shape"), [([[0, 4], [0, 0]], SHAPE), ([[0, 0], [0, -1]], SHAPE), ([[1, 1], [0, 3]], SHAPE)]
)
def test_a_place_outside_of_one_dimension_changes_nothing(places: Any, shape: Any) -> None:
    param = draw(*SHAPE).requires_grad_()
    before = param.detach().clone()
    param.grad = torch.sparse_coo_tensor(places, draw(2, 2), SHAPE, check_invariants=False)
    with pytest.raises(IndexError, match=r"^Adam: a sparse gradient has the index -?\d in dimension \d at place 1"):
        fs.torch.Adam([param]).step()
    assert torch.equal(param, before)


def test_deferred_rows_take_entries() -> None:
    torch.manual_seed(0)
    tables = [torch.nn.Embedding(6, 3, sparse=True, dtype=torch.float64) for _ in range(2)]
    tables[1].load_state_dict(tables[0].state_dict())
    deferred = fs.torch.Adam(tables[0].parameters(), lr=0.1, defer=[tables[0]])
    every = fs.torch.Adam(tables[1].parameters(), lr=0.1, rows="every")
    for seed in range(4):
        index = torch.randint(6, (1, 3), generator=torch.Generator().manual_seed(seed))
        for table, optimizer in zip(tables, (deferred, every), strict=True):
            optimizer.zero_grad()
            if seed % 2:
                table(index[0]).square().sum().backward()
            else:
                torch.gather(table.weight, 0, index, sparse_grad=True).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(tables[0].weight.detach(), tables[1].weight.detach(), rtol=1e-12, atol=1e-14)


TYPES = ("float16", "bfloat16", "float32", "float64")
other_types = pytest.mark.skipif(not hasattr(torch.Tensor, "grad_dtype"), reason="gradients have the parameter's type")


@other_types
@pytest.mark.parametrize(("of_param", "of_grad"), list(itertools.product(TYPES, TYPES)))
@pytest.mark.parametrize("sparse", [None, 1, 2])
def test_a_gradient_of_another_floating_type(of_param: str, of_grad: str, sparse: int | None) -> None:
    kind, other = getattr(torch, of_param), getattr(torch, of_grad)
    param, expected = (draw(4, 3).to(kind).requires_grad_() for _ in range(2))
    optimizers = [fs.torch.RMSprop([each], lr=0.1) for each in (param, expected)]
    compute = torch.float64 if kind is torch.float64 else torch.float32
    for seed in range(3):
        grad = draw(4, 3, seed=seed).to(other)
        for each, given in ((param, grad), (expected, grad.to(compute))):
            each.grad_dtype = None
            each.grad = given if sparse is None else given.to_sparse(sparse)
        for optimizer in optimizers:
            optimizer.step()
    assert param.dtype is kind
    assert torch.equal(param, expected)


@pytest.mark.parametrize(
    ("of_param", "of_grad"),
    [("float32", "int64"), ("float32", "complex64"), ("complex64", "float32"), ("float64", "bool")],
)
def test_a_gradient_of_another_kind_of_numbers_is_refused(of_param: str, of_grad: str) -> None:
    param = torch.ones(2, 3, dtype=getattr(torch, of_param)).requires_grad_()
    param.grad_dtype = None
    param.grad = torch.ones(2, 3, dtype=getattr(torch, of_grad))
    with pytest.raises(TypeError, match=f"^Adam: grad holds torch.{of_grad}, expected .*torch.{of_param}"):
        fs.torch.Adam([param]).step()
    assert (param == 1).all()


def test_a_sparse_gradient_of_another_shape_is_refused() -> None:
    param = torch.ones(2, 3, requires_grad=True)
    with pytest.raises(ValueError, match=r"^Adam: a gradient has shape \(3, 3\), expected \(2, 3\)"):
        read_gradient("Adam", torch.eye(3).to_sparse(), param)
