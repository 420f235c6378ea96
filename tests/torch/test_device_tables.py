"""Tables of an optimizer's group on a device: one sort, one segment sum and one update for those of one kind."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
import torch

import fusedstep as fs
from fusedstep.arrays import torch_device
from fusedstep.runtime.gpu import launch_kernel, tables
from fusedstep.torch import device_tables, parameter_steps
from tests.captured import capture
from tests.devices import DEVICE, INTERPRETED, host
from tests.waits import NoWaits

pytestmark = pytest.mark.gpu

only_interpreted = pytest.mark.skipif(not INTERPRETED, reason="what is launched is noted in the interpreter")
ROWS = [7, 90, 1, 40]
CLASSES: dict[str, dict[str, Any]] = {
    "SparseAdam": {},
    "Adam": {"amsgrad": True},
    "AdamW": {},
    "SGD": {"lr": 0.1},
    "Adagrad": {},
    "RMSprop": {"centered": True},
    "ProximalAdagrad": {"lr": 0.1},
    "RowwiseAdagrad": {},
}
# Sums of rows differ from the CPU in the last places.
BOUNDS = {"RowwiseAdagrad": 1e-6}


@contextmanager
def launches() -> Iterator[list[str]]:
    """The titles of the kernels that are launched within."""
    found: list[str] = []
    launch = launch_kernel.launch_kernel

    def noted(library: Any, kernel: Any, *args: Any, **known: Any) -> None:
        found.append(kernel.fn.__globals__["__doc__"].splitlines()[0].removeprefix("fusedstep kernel: "))
        launch(library, kernel, *args, **known)

    with contextlib.ExitStack() as stack:
        for module in ("tables", "grouping", "kernel_call", "launch", "numbers"):
            stack.enter_context(mock.patch(f"fusedstep.runtime.gpu.{module}.launch_kernel", noted))
        yield found


def params_of(rows: Any = ROWS, width: int = 8, dtype: Any = torch.float32) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    return [torch.nn.Parameter(torch.randn(each, width, generator=generator).to(dtype).to(DEVICE)) for each in rows]


def coo(param: Any, generator: torch.Generator, most: int = 100, dtype: Any = None) -> torch.Tensor:
    """An uncoalesced gradient of a table; its rows occur often, and some not at all."""
    count = int(torch.randint(0, most, (), generator=generator))
    rows = torch.randint(0, len(param), (1, count), generator=generator)
    values = torch.randn(count, *param.shape[1:], generator=generator).to(dtype or param.dtype)
    return torch.sparse_coo_tensor(rows, values, param.shape, check_invariants=True).to(DEVICE)


def with_gradients(params: Any, number: int, **others: Any) -> None:
    generator = torch.Generator().manual_seed(number)
    for param in params:
        param.grad = coo(param, generator, **others)


def on_both(make: Callable[[], Any], compare: Callable[[Any, Any], None]) -> None:
    """Compares what is made on the device with what is made on the CPU."""
    found = make()
    with host():
        expected = make()
    compare(found, expected)


def same(found: Any, expected: Any, bound: float = 0.0) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.detach().cpu(), other.detach().cpu(), rtol=bound, atol=bound, equal_nan=True)


def trained(name: str, settings: dict[str, Any], steps: int = 3, **others: Any) -> list[torch.Tensor]:
    params = params_of(**others)
    optimizer = getattr(fs.torch, name)(params, **settings)
    for number in range(steps):
        with_gradients(params, number)
        optimizer.step()
    states = [each for state in optimizer.state.values() for each in state.values() if isinstance(each, torch.Tensor)]
    return [*params, *states]


@only_interpreted
@pytest.mark.parametrize(
    ("name", "host_counts"),
    [("Adam", False), ("Adam", True), ("SGD", False), ("RMSprop", False), ("RowwiseAdagrad", True)],
)
def test_a_group_is_one_launch(name: str, host_counts: bool, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if host_counts:
        # Where there is a device, its host counts the steps.
        monkeypatch.setattr(parameter_steps, "to_number", float)
    params = params_of()
    optimizer = getattr(fs.torch, name)(params, **CLASSES[name])
    for number in range(2):
        with_gradients(params, number)
        optimizer.step()
    with_gradients(params, 3)
    with launches() as found, contextlib.nullcontext() if host_counts else NoWaits():
        optimizer.step()
    steps = [each for each in found if each.startswith("rule")]
    assert len(steps) == 1
    by_numbers = name == "Adam" and not host_counts
    assert f"loop gpu/touched_tables{'_by_numbers' * by_numbers};" in steps[0]
    others = [each.split(";")[0].removesuffix(".") for each in found if each not in steps]
    assert [each for each in others if not each.startswith("numbers")] == [
        "keys of the rows of many tables",
        "rows with many gradients",
    ]


@pytest.mark.parametrize(
    ("dtype", "width"), [(torch.float32, 600), (torch.float32, 1), (torch.float64, 5), (torch.bfloat16, 64)], ids=str
)
def test_bits_are_those_of_the_cpu(dtype: Any, width: int, device: str) -> None:
    on_both(lambda: trained("SparseAdam", {}, steps=2, width=width, dtype=dtype), same)


@pytest.mark.parametrize("name", CLASSES)
def test_classes_step_as_on_the_cpu(name: str, device: str) -> None:
    on_both(lambda: trained(name, CLASSES[name]), lambda one, other: same(one, other, BOUNDS.get(name, 0.0)))


def test_wide_gradients_of_narrow_tables(device: str) -> None:
    def train() -> list[torch.Tensor]:
        params = params_of(dtype=torch.bfloat16)
        for each in params:
            each.grad_dtype = None
        optimizer = fs.torch.SparseAdam(params)
        for number in range(3):
            with_gradients(params, number, dtype=torch.float32)
            optimizer.step()
        return [*params]

    on_both(train, same)


class Bags(torch.nn.Module):
    """Tables that are looked up in all the ways there are, some of them twice."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.sum = fs.torch.EmbeddingBag(30, 6, mode="sum", sparse=True, device=DEVICE)
        self.mean = fs.torch.EmbeddingBag(9, 6, mode="mean", sparse=True, padding_idx=2, device=DEVICE)
        self.ends = fs.torch.EmbeddingBag(30, 6, mode="sum", sparse=True, include_last_offset=True, device=DEVICE)
        self.rows = fs.torch.Embedding(50, 6, sparse=True, padding_idx=4, device=DEVICE)

    def loss(self, number: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(number)

        def ids(rows: int, *shape: int, dtype: Any = torch.int64) -> torch.Tensor:
            return torch.randint(0, rows, shape, generator=generator, dtype=dtype).to(DEVICE)

        def numbers(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=generator).to(DEVICE)

        starts = torch.tensor([0, 3, 3, 90, 110], device=DEVICE)
        ends = torch.tensor([0, 10, 10, 100], dtype=torch.int32, device=DEVICE)
        found = [
            self.sum(ids(30, 120), starts, numbers(120)) * numbers(5, 6),
            self.sum(ids(30, 4, 7)) * numbers(4, 6),
            self.mean(ids(9, 120), starts) * numbers(5, 6),
            self.ends(ids(30, 100, dtype=torch.int32), ends) * numbers(3, 6),
            self.rows(ids(50, 3, 5)) * numbers(3, 5, 6),
            self.rows(ids(50, 70)).sum(0) * numbers(6),
        ]
        return torch.cat([each.reshape(-1) for each in found]).sum()


@pytest.mark.parametrize("name", ["SparseAdam", "Adam", "SGD"])
def test_lookups_of_embeddings(name: str, device: str) -> None:
    def train() -> list[torch.Tensor]:
        model = Bags()
        optimizer = getattr(fs.torch, name)(model.parameters(), **CLASSES[name])
        for number in range(3):
            optimizer.zero_grad()
            model.loss(number).backward()
            optimizer.step()
        return [*model.parameters()]

    on_both(train, same)


@only_interpreted
def test_lookups_are_one_launch_that_does_not_wait(device: str) -> None:
    model = Bags()
    optimizer = fs.torch.SGD(model.parameters(), lr=0.1)
    for number in range(2):
        optimizer.zero_grad()
        loss = model.loss(number)
        with launches() as found, NoWaits():
            loss.backward()
            optimizer.step()
    assert [each.split(";")[1] for each in found if each.startswith("rule")] == [" loop gpu/touched_tables"]
    assert len(found) == 3


def both_ways(change: Callable[[list[Any], Any], None], steps: int = 3, **others: Any) -> None:
    """Steps tables that a function changes first, by one optimizer on the device and one on the CPU."""

    def train() -> list[torch.Tensor]:
        params = params_of(**others)
        optimizer = fs.torch.SparseAdam(params)
        for number in range(steps):
            with_gradients(params, number)
            if number:
                change(params, optimizer)
            optimizer.step()
        return [*params, *(state["exp_avg"] for state in optimizer.state.values())]

    on_both(train, same)


def as_one_after_another(change: Callable[[list[Any], Any], None]) -> None:
    """Steps tables that a function changes first, once together, and once each by a step of its own."""
    found = []
    for alone in (False, True):
        params = params_of()
        optimizer = fs.torch.SparseAdam(params)
        for number in range(3):
            with_gradients(params, number)
            if number:
                change(params, optimizer)
            grads = [param.grad for param in params]
            for place in range(len(params)) if alone else (None,):
                for k, (param, grad) in enumerate(zip(params, grads, strict=True)):
                    param.grad = grad if place in (None, k) else None
                optimizer.step()
        found.append(params)
    ours, theirs = found
    same(ours, theirs)


def test_tables_that_overlap_are_stepped_one_after_another(device: str) -> None:
    def change(params: list[Any], optimizer: Any) -> None:
        params[3].data = params[1].data[20:60]

    both_ways(change)


def test_states_that_tables_share(device: str) -> None:
    def change(params: list[Any], optimizer: Any) -> None:
        optimizer.state[params[3]]["exp_avg"] = optimizer.state[params[1]]["exp_avg"][20:60]

    as_one_after_another(change)


@pytest.mark.parametrize("reads", [0, 1, 3])
def test_gradients_in_the_memory_of_tables(reads: int, device: str) -> None:
    def change(params: list[Any], optimizer: Any) -> None:
        rows = torch.tensor([[3, 5, 3]], device=DEVICE)
        values = (params[1] if reads == 1 else optimizer.state[params[reads]]["exp_avg"]).detach()[:3]
        params[1].grad = torch.sparse_coo_tensor(rows, values, params[1].shape, check_invariants=True)

    as_one_after_another(change)


def test_gradients_that_tables_share(device: str) -> None:
    def change(params: list[Any], optimizer: Any) -> None:
        params[0].grad = params[3].grad = coo(params[0], torch.Generator().manual_seed(1))

    both_ways(change, rows=[9, 50, 9, 9])


@pytest.mark.parametrize("width", [3, 8])
def test_tables_that_start_anywhere(width: int, device: str) -> None:
    def change(params: list[Any], optimizer: Any) -> None:
        whole = torch.zeros(params[1].numel() + 1, device=DEVICE)
        whole[1:] = params[1].detach().reshape(-1)
        params[1].data = whole[1:].view(params[1].shape)
        values = torch.ones(2 * width + 1, device=DEVICE)[1:].view(2, width)
        rows = torch.tensor([[1, 1]], device=DEVICE)
        params[2].grad = torch.sparse_coo_tensor(rows * 0, values, params[2].shape, check_invariants=True)

    both_ways(change, width=width)


def test_counts_that_differ(device: str) -> None:
    def change(params: list[Any], optimizer: Any) -> None:
        params[1].grad = None

    both_ways(change, steps=4)


def test_tables_without_indices_are_counted(device: str) -> None:
    params = params_of()
    optimizer = fs.torch.SparseAdam(params)
    for _ in range(3):
        for param in params:
            param.grad = coo(param, torch.Generator().manual_seed(0), most=1)
        optimizer.step()
    same(params, params_of())
    assert {int(state["step"]) for state in optimizer.state.values()} == {3}


def test_indices_that_name_no_row_are_ignored(device: str) -> None:
    params = params_of()
    optimizer = fs.torch.SGD(params, lr=1.0)
    for param in params:
        rows = torch.tensor([[-1, 0, len(param), 1 << 40, -(1 << 62), 0]], device=DEVICE)
        values = torch.ones(6, 8, device=DEVICE)
        with torch.sparse.check_sparse_tensor_invariants(enable=False):
            param.grad = torch.sparse_coo_tensor(rows, values, param.shape)
    optimizer.step()
    expected = params_of()
    for param in expected:
        param.data[0] -= 2
    same(params, expected)


def test_an_invalid_gradient_is_refused_before_any_table_is_stepped(device: str) -> None:
    params = params_of()
    optimizer = fs.torch.SparseAdam(params)
    with_gradients(params, 0)
    optimizer.step()
    before = [each.detach().clone() for each in params]
    with_gradients(params, 1)
    params[2].grad_dtype = None
    params[2].grad = params[2].grad.to(torch.int64)
    with pytest.raises(TypeError, match=r"^SparseAdam: grad holds torch.int64"):
        optimizer.step()
    assert torch.equal(params[2], before[2])
    assert [int(optimizer.state[each]["step"]) for each in params] == [2, 2, 1, 2]


def test_launches_have_as_many_indices_as_places_count(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    launch = tables.launch_tables
    monkeypatch.setattr(device_tables, "MOST_INDICES", 100)
    monkeypatch.setattr(
        device_tables,
        "launch_tables",
        lambda kind, found, *rest: (taken.append(len(found)), launch(kind, found, *rest)),
    )
    on_both(lambda: trained("SGD", {"lr": 0.1}), same)
    assert taken
    assert max(taken) < len(ROWS)


@only_interpreted
@pytest.mark.parametrize(("name", "settings"), [("SGD", {"lr": 0.1}), ("Adam", {"capturable": True})])
def test_a_graph_repeats_the_step_of_all_tables(name: str, settings: dict[str, Any], device: str) -> None:
    optimizers, all_params = [], []
    for _ in range(2):
        params = params_of()
        optimizer = getattr(fs.torch, name)(params, **settings)
        with_gradients(params, 0, most=100)
        optimizer.step()
        optimizers.append(optimizer)
        all_params.append(params)
    (ours, theirs), (our, their) = all_params, optimizers
    with_gradients(ours, 1)
    with_gradients(theirs, 1)
    static = [param.grad for param in ours]
    with capture() as graph, launches() as found:
        our.step()
    their.step()
    assert sum("loop gpu/touched_tables" in each for each in found) == 1
    for number in range(2, 4):
        # Between replays, other gradients are stepped as ever.
        for params, optimizer in ((ours, our), (theirs, their)):
            with_gradients(params, 10 + number)
            optimizer.step()
        generator = torch.Generator().manual_seed(number)
        for grad, param in zip(static, theirs, strict=True):
            grad._values().copy_(torch.randn(grad._values().shape, generator=generator))
            param.grad = grad.clone()
        graph.replay()
        their.step()
    same(ours, theirs)


@only_interpreted
def test_counts_on_the_host_are_not_captured(device: str) -> None:
    params = params_of()
    optimizer = fs.torch.SparseAdam(params)
    with_gradients(params, 0)
    optimizer.step()
    before = [each.detach().clone() for each in params]
    with mock.patch.object(torch_device, "capturing", return_value=True), pytest.raises(RuntimeError):
        optimizer.step()
    same(params, before)
