"""Steps of deferred rows as part of a call: a table is in use only while it is stepped."""

import threading
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import fusedstep as fs  # noqa: E402
from fusedstep import rules  # noqa: E402
from fusedstep.loops.cpu.table_step import REFUSED  # noqa: E402
from fusedstep.operators.bags import BagGradient, Bags  # noqa: E402
from fusedstep.operators.deferred import DeferredRows  # noqa: E402
from fusedstep.operators.pending_launch import PendingLaunch, pending_launch  # noqa: E402
from fusedstep.runtime.cpu.table_steps import take_all  # noqa: E402

ROWS, WIDTH = 50, 4
SCALARS = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "beta1_power": 0.9, "beta2_power": 0.99}


class Table:
    """A table of deferred rows, and its twin that is stepped by ``take``."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(3)
        states = [torch.rand(ROWS, WIDTH, generator=generator) for _ in range(3)]
        self.rows = DeferredRows(rules.adam, *states)
        self.twin = DeferredRows(rules.adam, *[state.clone() for state in states])
        self.is_current = True
        self.scalars = [SCALARS[name] for name in self.rows._operator.signature.scalars]

    def gradient(self, *indices: int) -> BagGradient:
        values = torch.linspace(-1, 1, len(indices) * WIDTH).reshape(len(indices), WIDTH)
        return BagGradient((Bags(values, torch.tensor(indices)),), private=True)

    def launch(self, *indices: int) -> PendingLaunch:
        gradient = self.gradient(*indices)
        made = self.made(gradient)
        assert made is not None
        return made

    def made(self, gradient: BagGradient) -> PendingLaunch | None:
        def take() -> None:
            self.rows.take(gradient, None, self.scalars)

        return pending_launch(self.rows, gradient, self.scalars, lambda: take, lambda: self.is_current)

    def check(self) -> None:
        for one, other in zip(self.rows.flush(), self.twin.flush(), strict=True):
            assert torch.equal(one, other)


def test_the_bits_are_those_of_a_step_alone() -> None:
    table = Table()
    for indices in ([3, 3, 7], [7, 8], [3], [1, 2, 1, 49]):
        assert take_all([table.launch(*indices)], 1) == [len(set(indices))]
        table.twin.take(table.gradient(*indices), None, table.scalars)
    table.check()


def test_a_table_that_another_thread_uses_is_left_alone() -> None:
    table = Table()
    launch, entered, leave = table.launch(3, 4), threading.Event(), threading.Event()

    def use() -> None:
        with table.rows._lock:
            entered.set()
            leave.wait(60)

    user = threading.Thread(target=use)
    user.start()
    entered.wait(60)
    assert take_all([launch], 1) == [REFUSED]
    leave.set()
    user.join()
    launch.take_checked()
    table.twin.take(table.gradient(3, 4), None, table.scalars)
    table.check()


def test_a_flush_in_the_midst_of_the_step_neither_repeats_nor_loses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever reads the table in the same thread, such as a finalizer, flushes it."""
    table = Table()
    for rows in (table.rows, table.twin):
        rows.take(table.gradient(1, 2, 3), None, table.scalars)
    launch = table.launch(3, 4)
    begin = launch._begin

    def flush_behind(named: Any) -> None:
        begin(named)
        table.rows.flush()

    monkeypatch.setattr(launch, "_begin", flush_behind)
    assert take_all([launch], 1) == [2]
    table.twin.flush()
    table.twin.take(table.gradient(3, 4), None, table.scalars)
    table.check()


def test_rows_that_a_table_no_longer_has_are_left_alone() -> None:
    table = Table()
    launch = table.launch(3, 4)
    table.is_current = False
    assert take_all([launch], 1) == [REFUSED]
    launch.take_checked()
    table.twin.take(table.gradient(3, 4), None, table.scalars)
    table.check()


def test_settings_that_need_a_flush_are_left_to_the_table() -> None:
    table = Table()
    assert take_all([table.launch(1, 2)], 1) == [2]
    table.twin.take(table.gradient(1, 2), None, table.scalars)
    table.scalars[table.rows._operator.signature.scalars.index("epsilon")] = 1e-3
    launch = table.launch(2, 3)
    assert take_all([launch], 1) == [REFUSED]
    launch.take_checked()
    table.twin.take(table.gradient(2, 3), None, table.scalars)
    table.check()


def test_the_table_is_released_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    table, other = Table(), Table()

    def fail(*_: Any) -> None:
        raise MemoryError

    launches = [table.launch(1, 2), other.launch(3)]
    monkeypatch.setattr(launches[1], "_begin", fail)
    with pytest.raises(MemoryError):
        take_all(launches, 1)
    found: list[bool] = []
    for each in (table, other):
        asker = threading.Thread(target=lambda each=each: found.append(each.rows._lock.acquire(blocking=False)))
        asker.start()
        asker.join()
    assert found == [True, True]


def test_steps_that_may_name_most_rows_are_left_to_the_table() -> None:
    table = Table()
    assert table.made(table.gradient(*range(25))) is None
    assert table.made(table.gradient(*range(24))) is not None


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_that_step_one_optimizer_do_not_wait_for_ever(threads: int) -> None:
    """Each thread's batch makes another table the one that is stepped by itself."""
    fs.set_num_threads(threads)
    tables = [fs.torch.Embedding(200, 3, sparse=True) for _ in range(4)]
    optimizer = fs.torch.Adam([each.weight for each in tables], lr=0.01, defer=tables)
    failed: list[Any] = []

    def train(seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        try:
            for step in range(15):
                counts = [150 if (step + seed + number) % 4 == 0 else 5 for number in range(4)]
                for each, count in zip(tables, counts, strict=True):
                    each(torch.randint(0, 200, (count,), generator=generator)).sum().backward()
                optimizer.step()
        except RuntimeError as error:
            # Another thread's step may have changed what a backward pass needs.
            failed.append(error)

    workers = [threading.Thread(target=train, args=(seed,), daemon=True) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert not any(worker.is_alive() for worker in workers)
    optimizer.flush()
    assert all(torch.isfinite(each.weight).all() for each in tables)
