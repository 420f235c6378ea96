"""Steps by the gradients of lookups: those of stock embeddings, for every optimizer, sparse or not, deferred or not."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import fusedstep as fs  # noqa: E402
from fusedstep.torch.embedding_gradient import EmbeddingGradient  # noqa: E402

ROWS, WIDTH, BAGS = 40, 5, 6
OPTIMIZERS = [
    name
    for name in fs.torch.__all__
    if inspect.isclass(each := getattr(fs.torch, name)) and issubclass(each, torch.optim.Optimizer)
]
SETTINGS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9, "weight_decay": 0.1, "dampening": 0.5},
    "AdamW": {"weight_decay": 0.1, "amsgrad": True},
    "Adam": {"weight_decay": 0.1},
    "RuleOptimizer": {"rule": fs.rules.adagrad, "epsilon": 1e-8},
    "RMSprop": {"centered": True, "momentum": 0.5},
    "ProximalAdagrad": {"l1": 0.01},
    "FTRL": {"l1": 0.01},
}
DEFERRING = [name for name in OPTIMIZERS if "defer" in inspect.signature(getattr(fs.torch, name)).parameters]


def optimizer_of(name: str, params: Any, **more: Any) -> Any:
    settings = SETTINGS.get(name, {}) | more
    if name == "RuleOptimizer":
        return fs.torch.RuleOptimizer(params, settings.pop("rule"), lr=0.05, **settings)
    return getattr(fs.torch, name)(params, lr=0.05, **settings)


class Model(torch.nn.Module):
    """A table of bags that is looked up twice, and a table of single rows."""

    def __init__(self, library: Any, sparse: bool, dtype: Any = torch.float64) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.bags = library.EmbeddingBag(ROWS, WIDTH, mode="sum", sparse=sparse, padding_idx=3, dtype=dtype)
        self.rows = library.Embedding(ROWS, WIDTH, sparse=sparse, padding_idx=7, dtype=dtype)
        self.outer = torch.nn.Linear(WIDTH, 1, dtype=dtype)

    def forward(self, batch: Any) -> Any:
        indices, offsets, weights, others = batch
        first = self.bags(indices, offsets, weights)
        second = self.bags(others)
        return self.outer(first + second + self.rows(others).mean(1)).square().sum()


def batches(count: int, dtype: Any = torch.float64) -> Iterator[Any]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        indices = torch.randint(0, ROWS // 2, (17,), generator=generator)
        weights = torch.randn(17, generator=generator).to(dtype)
        others = torch.randint(0, ROWS // 2, (BAGS, 3), generator=generator)
        yield indices, torch.tensor([0, 0, 4, 9, 9, 15]), weights, others


def trained(library: Any, name: str, sparse: bool, defer: bool = False, steps: int = 5, **settings: Any) -> Any:
    model = Model(library, sparse)
    more = {"defer": [model.bags, model.rows]} if defer else {}
    optimizer = optimizer_of(name, model.parameters(), **more, **settings)
    for batch in batches(steps):
        optimizer.zero_grad()
        model(batch).backward()
        optimizer.step()
    optimizer.flush()
    return model


def assert_same(model: Any, other: Any) -> None:
    for (name, param), expected in zip(model.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(
            param, expected, rtol=1e-9, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_exchanging_modules_changes_no_result(name: str, sparse: bool) -> None:
    assert_same(trained(fs.torch, name, sparse), trained(torch.nn, name, sparse))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", DEFERRING)
def test_deferred_rows_take_all_steps(name: str, sparse: bool) -> None:
    every = {"rows": "every"} if sparse else {}
    assert_same(trained(fs.torch, name, sparse, defer=True), trained(torch.nn, name, sparse, **every))


@pytest.mark.parametrize("rows", ["touched", "every"])
def test_rows_says_which_rows_a_sparse_gradient_steps(rows: str) -> None:
    decay = {"weight_decay": 0.5, "rows": rows}
    ours, stock = (trained(each, "SGD", True, **decay) for each in (fs.torch, torch.nn))
    assert_same(ours, stock)
    unnamed = ours.bags.weight[ROWS // 2 :]
    changed = not torch.equal(unnamed, Model(torch.nn, True).bags.weight[ROWS // 2 :])
    assert changed == (rows == "every")


def test_a_dense_meaning_steps_every_row() -> None:
    ours = trained(fs.torch, "SGD", False, weight_decay=0.5)
    assert not torch.equal(ours.bags.weight[ROWS // 2 :], Model(torch.nn, True).bags.weight[ROWS // 2 :])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_types(mode: str, sparse: bool, dtype: Any) -> None:
    """Against a table in float64 whose gradients are rounded where torch rounds them: in the result's gradient."""
    found = []
    for kind in (dtype, torch.float64):
        torch.manual_seed(0)
        weight = torch.randn(ROWS, WIDTH).to(dtype).to(kind)
        table = fs.torch.EmbeddingBag(ROWS, WIDTH, mode=mode, sparse=sparse, _weight=weight, dtype=kind)
        optimizer = fs.torch.SGD(table.parameters(), lr=0.5)
        result = table(torch.tensor([[1, 2, 1], [4, 1, 3]]))
        result.backward(torch.arange(1.0, 2 * WIDTH + 1).reshape(2, WIDTH).to(kind))
        optimizer.step()
        found.append(table.weight.detach().to(torch.float64))
    torch.testing.assert_close(*found, rtol=torch.finfo(dtype).eps, atol=torch.finfo(dtype).eps)


def test_tied_weights_and_accumulated_passes() -> None:
    """A dense gradient before, between and after those of lookups; sums over two passes; and zeroed in place."""
    found = []
    for library in (fs.torch, torch.nn):
        for sparse in (False, True):
            model = Model(library, sparse)
            optimizer = fs.torch.Adam(model.parameters(), lr=0.05)
            for number, batch in enumerate(batches(6)):
                optimizer.zero_grad(set_to_none=number % 2 == 0)
                loss = model(batch)
                if number in (2, 3):
                    loss = loss + (model.bags.weight * model.outer.weight).sum()
                loss.backward()
                model(batch).backward()
                optimizer.step()
            found.append(model)
    assert_same(found[0], found[2])
    assert_same(found[1], found[3])


def test_a_zeroed_gradient_steps_as_zeros() -> None:
    for sparse in (False, True):
        found = []
        for library in (fs.torch, torch.nn):
            model = Model(library, sparse)
            optimizer = fs.torch.SGD(model.parameters(), lr=0.5, momentum=0.9)
            model(next(batches(1))).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
            optimizer.step()
            found.append(model)
        assert_same(*found)


def test_a_rule_over_the_whole_tensor_takes_the_dense_form() -> None:
    found = []
    for library in (fs.torch, torch.nn):
        model = Model(library, sparse=False)
        optimizer = fs.torch.RuleOptimizer(
            [model.bags.weight], "def scaled(var, grad, *, lr): return var - lr * grad / tensor_max(abs(grad))", lr=0.5
        )
        model(next(batches(1))).backward()
        optimizer.step()
        found.append(model)
    assert_same(*found)


@pytest.mark.parametrize("sparse", [False, True])
def test_weights_that_kernels_cannot_take_by_rows(sparse: bool) -> None:
    """Columns that are contiguous: the plain form steps them."""
    found = []
    for library in (fs.torch, torch.nn):
        torch.manual_seed(0)
        weight = torch.randn(WIDTH, ROWS, dtype=torch.float64).t()
        table = library.Embedding(ROWS, WIDTH, sparse=sparse)
        table.weight = torch.nn.Parameter(weight)
        optimizer = fs.torch.Adam(table.parameters(), lr=0.5)
        table(torch.tensor([1, 2, 1])).square().sum().backward()
        optimizer.step()
        found.append(table)
    assert_same(*found)


def test_gradients_stay_lookups_until_the_step() -> None:
    model = Model(fs.torch, sparse=False)
    optimizer = fs.torch.Adam(model.parameters(), lr=0.05)
    for batch in batches(2):
        model(batch).backward()
    grad = model.bags.weight.grad
    assert isinstance(grad, EmbeddingGradient)
    assert len(grad._lookups) == 4
    optimizer.step()
    assert len(model.bags.weight.grad._lookups) == 4


@pytest.mark.parametrize("defer", [False, True])
def test_a_stale_gradient_steps_as_with_stock_modules(defer: bool) -> None:
    """A backward pass that comes after other steps: its rows were up to date when they were looked up."""
    found = []
    for library in (fs.torch, torch.nn):
        model = Model(library, sparse=True)
        deferring = {"defer": [model.bags, model.rows]} if defer and library is fs.torch else {"rows": "every"}
        optimizer = fs.torch.Adam([model.bags.weight, model.rows.weight], lr=0.05, **deferring)
        early, *later = batches(4)
        loss = model(early)
        for batch in later:
            other = model(batch)
            for param in (model.bags.weight, model.rows.weight):
                (param.grad,) = torch.autograd.grad(other, [param], retain_graph=True)
            optimizer.step()
        optimizer.zero_grad()
        grads = torch.autograd.grad(loss, [model.bags.weight, model.rows.weight])
        for param, grad in zip((model.bags.weight, model.rows.weight), grads, strict=True):
            param.grad = grad
        optimizer.step()
        optimizer.flush()
        found.append(model)
    assert_same(*found)


def test_nothing_changes_where_a_gradient_is_refused() -> None:
    model = Model(fs.torch, sparse=True)
    optimizer = fs.torch.Adam([model.bags.weight], lr=0.05)
    table = fs.torch.EmbeddingBag(ROWS + 5, WIDTH, mode="sum", sparse=True)
    table(torch.tensor([[1, ROWS + 2]])).sum().backward()
    before = model.bags.weight.detach().clone()
    content = table.weight.grad._lookups
    model.bags.weight.grad = EmbeddingGradient.of(model.bags.weight, content, True)
    with pytest.raises(IndexError, match=f"Adam: indices\\[1\\] is {ROWS + 2}, expected 0 to {ROWS - 1}"):
        optimizer.step()
    assert torch.equal(model.bags.weight, before)
    assert not optimizer.state
