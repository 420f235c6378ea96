"""Tables that are stepped side by side: the results of one after another, and errors that stay in their table."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import fusedstep as fs  # noqa: E402
from fusedstep.torch import table_updates  # noqa: E402
from fusedstep.torch.embedding_gradient import EmbeddingGradient  # noqa: E402
from fusedstep.torch.table_updates import TableUpdate, run_updates  # noqa: E402

pytestmark = pytest.mark.usefixtures("split_small")
HEIGHTS = [3, 50, 50, 50, 400]


def update(step: Callable[[], None], start: int, work: int = 10, size: int = 1) -> TableUpdate:
    """A step without a check."""

    def parts() -> Generator[Callable[[], None], None, None]:
        yield step

    return TableUpdate(parts(), start, start + size, work)


def tables(sparse: bool = True) -> Any:
    torch.manual_seed(0)
    return torch.nn.ModuleList(
        [fs.torch.EmbeddingBag(rows, 4, mode="sum", sparse=sparse, dtype=torch.float64) for rows in HEIGHTS]
    )


def backward(modules: Any, seed: int, count: int = 40) -> None:
    generator = torch.Generator().manual_seed(seed)
    for module in modules:
        rows = torch.randint(0, module.num_embeddings, (count, 5), generator=generator)
        module(rows).square().sum().backward()


def trained(threads: int, sparse: bool, defer: bool, name: str = "Adam") -> Any:
    fs.set_num_threads(threads)
    modules = tables(sparse)
    optimizer = getattr(fs.torch, name)(modules.parameters(), lr=0.1, **({"defer": list(modules)} if defer else {}))
    for seed in range(4):
        optimizer.zero_grad()
        backward(modules, seed)
        optimizer.step()
    optimizer.flush()
    return [module.weight.detach() for module in modules]


@pytest.mark.parametrize("defer", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_do_not_change_bits(threads: int, sparse: bool, defer: bool) -> None:
    for one, several in zip(trained(1, sparse, defer), trained(threads, sparse, defer), strict=True):
        assert torch.equal(one, several)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_error_stays_in_its_table(threads: int) -> None:
    fs.set_num_threads(threads)
    modules = tables()
    optimizer = fs.torch.SGD(modules.parameters(), lr=0.1, momentum=0.9)
    backward(modules, 0)
    wrong = modules[1].weight
    lookups = [each._replace(indices=each.indices + 1000) for each in wrong.grad._lookups]
    wrong.grad = EmbeddingGradient.of(wrong, lookups, True)
    before = [module.weight.detach().clone() for module in modules]
    with pytest.raises(IndexError, match=r"SGD: indices\[0\] is 1\d\d\d, expected 0 to 49"):
        optimizer.step()
    changed = [not torch.equal(module.weight, each) for module, each in zip(modules, before, strict=True)]
    assert changed == [True, False, True, True, True]
    assert [bool(optimizer.state.get(module.weight)) for module in modules] == changed


def test_tables_that_overlap_are_stepped_one_after_another() -> None:
    fs.set_num_threads(4)
    running, most = [], []
    lock = threading.Lock()

    def step() -> None:
        with lock:
            running.append(1)
            most.append(len(running))
        threading.Event().wait(0.02)
        with lock:
            running.pop()

    run_updates([update(step, 7 * k, size=8) for k in range(4)])
    assert most == [1, 1, 1, 1]


def test_a_large_table_is_stepped_by_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    fs.set_num_threads(2)
    beside: list[int] = []
    monkeypatch.setattr(table_updates, "run_side_by_side", lambda calls, threads: beside.append(len(calls)))
    ran: list[int] = []
    run_updates([update(lambda work=work: ran.append(work), k, work) for k, work in enumerate((300, 900, 300))])
    # One table has more than a thread's share.
    assert ran == [900]
    assert beside == [2]


def test_autograd_records_nothing() -> None:
    fs.set_num_threads(3)
    found: list[bool] = []
    run_updates([update(lambda: found.append(torch.is_grad_enabled()), k) for k in range(6)])
    assert found == [False] * 6


def test_interrupts_and_other_errors_come_after_all_tables() -> None:
    fs.set_num_threads(2)
    ran: list[int] = []

    def step(number: int) -> None:
        ran.append(number)
        if number == 2:
            raise ValueError(f"table {number}")

    with pytest.raises(ValueError, match="table 2"):
        run_updates([update(lambda number=number: step(number), number) for number in range(5)])
    assert sorted(ran) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("memory", [[0, 1, 2, 3, 4], [0, 0, 0, 0, 0], [0, 1, 1, 2, 2]])
@pytest.mark.parametrize("work", [[1000, 10, 10, 10, 10], [1000, 900, 10, 10, 10], [10, 10, 10, 10, 10]])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_error_of_any_table_comes_after_the_others(threads: int, work: list[int], memory: list[int]) -> None:
    fs.set_num_threads(threads)
    for wrong in range(5):
        ran: list[int] = []

        def step(number: int, wrong: int = wrong, ran: list[int] = ran) -> None:
            ran.append(number)
            if number == wrong:
                raise ValueError(f"table {number}")

        steps = [partial(step, number) for number in range(5)]
        with pytest.raises(ValueError, match=f"table {wrong}"):
            run_updates([update(*each) for each in zip(steps, memory, work, strict=True)])
        assert sorted(ran) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_error_that_was_caught_keeps_nothing_alive(threads: int) -> None:
    fs.set_num_threads(threads)
    held = torch.zeros(1)
    alive = weakref.ref(held)

    def step(held: Any) -> None:
        raise ValueError("a table")

    updates = [update(partial(step, held), number % 2) for number in range(5)]
    del held
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(ValueError, match="a table") as caught:
            run_updates(updates)
        del caught
        updates.clear()
        # A worker forgets the task a moment later.
        for _ in range(100):
            if alive() is not None:
                time.sleep(0.01)
        assert alive() is None
    finally:
        gc.enable()


def test_steps_are_counted_after_all_are_taken() -> None:
    """Checks come first, in the order of the tables; one that fails is neither taken nor counted."""
    fs.set_num_threads(2)
    seen: list[str] = []

    def parts(number: int) -> Generator[Callable[[], None], None, None]:
        seen.append(f"check {number}")
        if number == 1:
            raise IndexError("table 1")
        yield lambda: seen.append("take")
        seen.append(f"count {number}")

    with pytest.raises(IndexError, match="table 1"):
        run_updates([TableUpdate(parts(number), number, number + 1, 10) for number in range(3)])
    assert seen == ["check 0", "check 1", "check 2", "take", "take", "count 0", "count 2"]
