"""Threads: how many, what they share, what they leave behind. Equal bits for any number are tested in test_rules."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.runtime import locks
from fusedstep.runtime.cpu import launch, parts
from fusedstep.runtime.cpu import threads as pool
from fusedstep.runtime.cpu.cpus import usable_cpus
from tests import reference
from tests.concurrency import in_threads


def momentum(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
    mean = beta * mean + (1 - beta) * grad
    return var - lr * mean, mean


SCALARS = {"lr": 0.1, "beta": 0.7}


@pytest.mark.usefixtures("threads")
def test_the_number_of_threads() -> None:
    for count in (1, 3, np.int64(2)):
        fs.set_num_threads(count)
        assert fs.get_num_threads() == count
        assert type(fs.get_num_threads()) is int
    for bad in (0, -1):
        with pytest.raises(ValueError, match=f"set_num_threads: count is {bad}, expected at least 1"):
            fs.set_num_threads(bad)
    for wrong in (1.0, "2", None, True, [2]):
        with pytest.raises(TypeError, match=r"set_num_threads: count is of type .*, expected a whole number"):
            fs.set_num_threads(wrong)
    assert fs.get_num_threads() == 2


def shares_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Notes into how many shares each call is split."""
    noted: list[int] = []
    run = launch.run
    monkeypatch.setattr(launch, "run", lambda shares, threads: noted.append(len(shares)) or run(shares, threads))
    return noted


@pytest.mark.parametrize("rows", [None, "touched", "every"])
@pytest.mark.usefixtures("split_small")
def test_work_is_split_into_several_shares_a_thread(rows: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = shares_of(monkeypatch)
    states = [np.ones((500, 4), np.float32) for _ in range(2)]
    indices = None if rows is None else np.arange(500)
    for count in (2, 3, 5):
        fs.set_num_threads(count)
        noted.clear()
        fs.Operator(momentum)(*states, np.ones((500, 4), np.float32), indices, rows=rows or "touched", **SCALARS)
        assert max(noted) in range(count, 500, count)


@pytest.mark.parametrize("cuts", ["few", "many"])
@pytest.mark.parametrize("order", ["any", "sorted", "most rows"])
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
@pytest.mark.usefixtures("split_small")
def test_touched_rows_are_right_in_few_parts_and_in_many(
    cuts: str, order: str, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Few parts add up their own duplicates, many take them as they were added up before.
    monkeypatch.setattr(parts, "ELEMENTS_PER_PART", 10**9 if cuts == "few" else 300)
    random = np.random.default_rng(3)
    rows = 100 if order == "most rows" else 5000
    indices = random.integers(0, rows, 300)
    indices[::5] = indices[0]
    if order == "sorted":
        indices.sort()
    grad = random.standard_normal((300, 7)).astype(dtype)
    start = [random.standard_normal((rows, 7)).astype(dtype) for _ in range(2)]
    expected = reference.step(momentum, start, grad, indices, "touched", SCALARS)
    noted = shares_of(monkeypatch)
    for count in (1, 2, 3, 7):
        fs.set_num_threads(count)
        states = [each.copy() for each in start]
        noted.clear()
        fs.Operator(momentum)(*states, grad, indices, **SCALARS)
        assert (max(noted) > count) == (cuts == "many" and count in (2, 3))
        for got, want in zip(states, expected, strict=True):
            reference.assert_same_bits(got, want)


@pytest.mark.usefixtures("threads")
def test_small_work_stays_on_the_callers_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    fs.set_num_threads(8)
    noted = shares_of(monkeypatch)
    states = [np.ones((50, 4), np.float32) for _ in range(2)]
    before = threading.active_count()
    fs.Operator(momentum)(*states, np.ones((50, 4), np.float32), **SCALARS)
    assert set(noted) <= {1}
    assert threading.active_count() == before


@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.usefixtures("threads")
def test_large_work_is_the_same_for_any_number_of_threads(rows: str) -> None:
    # As large as it must be for real: nothing is made to look small here.
    rng = np.random.default_rng(0)
    indices = (40_000 * rng.random(60_000) ** 3).astype(int)
    grad, results = reference.numbers(rng, (60_000, 32)), []
    for count in (1, 2, 5):
        fs.set_num_threads(count)
        states = [np.ones((40_000, 32), np.float32), np.zeros((40_000, 32), np.float32)]
        fs.Operator(momentum)(*states, grad, indices, rows=rows, **SCALARS)
        results.append(states)
    for states in results[1:]:
        for got, want in zip(states, results[0], strict=True):
            reference.assert_same_bits(got, want)


@pytest.mark.usefixtures("threads")
def test_an_error_in_a_share_is_raised_once_all_shares_have_ended() -> None:
    ended = []

    def share(number: int) -> Callable[[], None]:
        def work() -> None:
            if number == 1:
                raise LookupError("share 1")
            time.sleep(0.02)
            ended.append(number)

        return work

    for _ in range(20):
        ended.clear()
        with pytest.raises(LookupError, match="share 1"):
            pool.run([share(number) for number in range(4)], 3)
        assert sorted(ended) == [0, 2, 3]


def test_helpers_go_on_after_an_error() -> None:
    done: list[int] = []
    pool.run([lambda: done.append(1), lambda: done.append(2), lambda: done.append(3)], 3)
    assert sorted(done) == [1, 2, 3]


FORKED = """
import threading
from fusedstep.runtime.cpu import threads
from tests.forked import in_child

def meet():
    # Each share waits for the other: one thread alone would wait in vain.
    together = threading.Barrier(2)
    threads.run([lambda: together.wait(20), lambda: together.wait(20)], 2)

meet()
in_child(meet)
meet()
"""


@pytest.mark.skipif(pool.current_cpu() is None, reason="the system does not tell which CPU a thread runs on")
@pytest.mark.skipif(usable_cpus() == 1, reason="there is no other CPU")
def test_helpers_keep_off_the_callers_cpu() -> None:
    helpers = pool.WorkerPool()
    allowed = os.sched_getaffinity(0)
    for cpu in sorted(allowed)[:2]:
        helpers.call(pool.Task([lambda: None]), 1)
        helpers.keep_off(cpu)
        (helper,) = helpers.threads
        assert os.sched_getaffinity(helper.native_id or 0) == allowed - {cpu}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="written for systems that can fork")
def test_a_forked_child_has_helpers_of_its_own() -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.usefixtures("split_small")
def test_locked_calls_on_the_same_memory_follow_one_another() -> None:
    fs.set_num_threads(2)
    step = fs.Operator(momentum, use_locking=True)
    table = np.zeros((64, 8), np.float32)
    states, grad = [table[:, :4], np.zeros((64, 4), np.float32)], np.ones((64, 4), np.float32)
    indices = np.arange(64) // 2

    def work(number: int) -> None:
        for _ in range(50):
            step(*states, grad, indices, **SCALARS)

    in_threads(work, 8)
    expected = [np.zeros((64, 4), np.float32) for _ in range(2)]
    for _ in range(400):
        expected = reference.step(momentum, expected, grad, indices, "touched", SCALARS)
    for got, want in zip(states, expected, strict=True):
        reference.assert_same_bits(np.ascontiguousarray(got), want)


def test_locked_calls_that_overlap_in_part_follow_one_another() -> None:
    # Two operators, views that overlap in one row, and states in the other order: neither deadlock nor lost updates.
    first = np.zeros((5, 4))
    second = np.zeros((5, 4))
    forth, back = fs.Operator(momentum, use_locking=True), fs.Operator(momentum, use_locking=True)

    def work(number: int) -> None:
        for _ in range(200):
            if number % 2:
                forth(first[:3], second[:3], np.ones((3, 4)), lr=-1.0, beta=1.0)
            else:
                back(first[2:], second[2:], np.ones((3, 4)), lr=-1.0, beta=1.0)

    second += 1
    in_threads(work, 4)
    assert first[:, 0].tolist() == [400, 400, 800, 400, 400]


def test_locked_calls_on_other_memory_run_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each waits inside its call, with its locks held, until the other is there too: alone it would wait in vain.
    together = threading.Barrier(2)
    exclusive = locks.exclusive

    def meeting(work: Callable[[], None], *views: Any) -> None:
        def met() -> None:
            together.wait(30)
            work()

        exclusive(met, *views)

    monkeypatch.setattr(locks, "exclusive", meeting)
    step = fs.Operator(momentum, use_locking=True)
    # Columns of one table: they lie among one another, and share nothing.
    table, means = np.zeros((6, 8)), np.zeros((6, 8))

    def work(number: int) -> None:
        columns = slice(number * 4, number * 4 + 4)
        step(table[:, columns], means[:, columns], np.ones((6, 4)), **SCALARS)

    in_threads(work, 2)
    assert (table < 0).all()
    assert not together.broken


def test_locks_are_given_back_after_an_error() -> None:
    states, step = [np.ones((3, 2)), np.ones((3, 2))], fs.Operator(momentum, use_locking=True)
    for error in (MemoryError, KeyboardInterrupt):
        with pytest.raises(error):
            locks.exclusive(Mock(side_effect=error), states)
    done = threading.Thread(target=lambda: step(*states, np.ones((3, 2)), **SCALARS), daemon=True)
    done.start()
    done.join(60)
    assert not done.is_alive()


def test_a_locked_call_waits_for_its_memory() -> None:
    states, step = [np.ones((3, 2)), np.ones((3, 2))], fs.Operator(momentum, use_locking=True)
    work = threading.Thread(target=lambda: step(*states, np.ones((3, 2)), **SCALARS), daemon=True)

    def hold() -> None:
        work.start()
        work.join(0.3)
        assert work.is_alive()
        assert (states[0] == 1).all()

    locks.exclusive(hold, [states[1][1:2]])
    work.join(60)
    assert not work.is_alive()
    assert (states[0] != 1).all()


@pytest.mark.usefixtures("split_small")
def test_an_executor_of_the_callers_own() -> None:
    fs.set_num_threads(3)
    step = fs.Operator(momentum)
    rng = np.random.default_rng(0)
    tables = [[reference.numbers(rng, (50, 3)) for _ in range(2)] for _ in range(24)]
    grad, indices = reference.numbers(rng, (80, 3)), rng.integers(0, 50, 80)
    expected = [reference.step(momentum, states, grad, indices, "every", SCALARS) for states in tables]
    with ThreadPoolExecutor(6) as executor:
        list(executor.map(lambda states: step(*states, grad, indices, rows="every", **SCALARS), tables))
    for states, wanted in zip(tables, expected, strict=True):
        for got, want in zip(states, wanted, strict=True):
            reference.assert_same_bits(got, want)


@pytest.mark.usefixtures("split_small")
def test_the_first_call_of_a_kernel_may_come_from_several_threads_at_once() -> None:
    def fresh(var: Any, grad: Any, *, lr: Any) -> Any:
        return var - 3 * lr * grad

    step, tables = fs.Operator(fresh), [np.ones(5) for _ in range(8)]
    in_threads(lambda number: step(tables[number], np.ones(5), lr=0.125), 8)
    assert all((table == 1 - 0.375).all() for table in tables)


def test_memory_is_not_kept_after_a_locked_call() -> None:
    states = [np.ones((3, 2)), np.ones((3, 2))]
    fs.Operator(momentum, use_locking=True)(*states, np.ones((3, 2)), **SCALARS)
    assert not locks._claims
    with pytest.raises(LookupError):
        locks.exclusive(Mock(side_effect=LookupError), states)
    assert not locks._claims


def test_what_is_only_read_is_shared_by_readers_and_kept_from_writers() -> None:
    gradient = np.ones((3, 2))
    states = [np.ones((3, 2)), np.ones((3, 2))]
    step = fs.Operator(momentum, use_locking=True)
    for views, waits in (((states, []), True), (([gradient], []), True), (([], [gradient]), False)):
        work = threading.Thread(target=lambda: step(*states, gradient, **SCALARS), daemon=True)

        def hold(work: threading.Thread = work, waits: bool = waits) -> None:
            work.start()
            work.join(0.3 if waits else 60)
            assert work.is_alive() == waits

        locks.exclusive(hold, *views)
        work.join(60)
        assert not work.is_alive()


@pytest.mark.parametrize("cut", ["slices", "indices"])
@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.usefixtures("split_small")
def test_without_locks_threads_on_rows_of_their_own_lose_nothing(cut: str, rows: str) -> None:
    if (cut, rows) == ("indices", "every"):
        pytest.skip("every row is no row of one's own")
    fs.set_num_threads(2)
    step, rng = fs.Operator(momentum), np.random.default_rng(2)
    states = [reference.numbers(rng, (80, 5)) for _ in range(2)]
    expected = [state.copy() for state in states]
    grad, indices = reference.numbers(rng, (20, 5)), rng.integers(0, 10, 20)

    def work(number: int) -> None:
        mine = slice(number * 10, number * 10 + 10)
        for _ in range(100):
            if cut == "slices":
                step(*(state[mine] for state in states), grad, indices, rows=rows, **SCALARS)
            else:
                # Rows that lie among those of the others.
                step(*states, grad, indices * 8 + number, **SCALARS)

    in_threads(work, 8)
    for number in range(8):
        mine = slice(number * 10, number * 10 + 10) if cut == "slices" else slice(number, None, 8)
        for _ in range(100):
            new = reference.step(momentum, [each[mine] for each in expected], grad, indices, rows, SCALARS)
            for each, state in zip(expected, new, strict=True):
                each[mine] = state
    for got, want in zip(states, expected, strict=True):
        reference.assert_same_bits(got, want)


def adding(first: Any, second: Any, grad: Any) -> tuple[Any, Any]:
    return first + grad, second + grad


@pytest.mark.usefixtures("split_small")
def test_locked_calls_on_views_that_are_cut_in_every_way_lose_nothing() -> None:
    # Rows, columns, blocks that share one element, single columns; half of the calls name the states the other way.
    fs.set_num_threads(2)
    step = fs.Operator(adding, use_locking=True)
    tables, calls = [np.zeros((12, 10)) for _ in range(2)], 60
    cuts = [
        np.s_[:, :],
        np.s_[2:7, :],
        np.s_[6:, :],
        np.s_[:, 3:6],
        np.s_[:, 5:],
        np.s_[:7, :4],
        np.s_[6:, 3:],
        np.s_[::2, 1:2],
    ]

    def work(number: int) -> None:
        views = [table[cuts[number]] for table in tables][:: 1 if number % 2 else -1]
        grad = np.ones(views[0].shape)
        for turn in range(calls):
            if turn % 2:
                step(*views, grad)
            else:
                step(*views, grad, np.arange(len(grad)))

    in_threads(work, len(cuts))
    expected = np.zeros((12, 10))
    for cut in cuts:
        expected[cut] += calls
    for table in tables:
        assert (table == expected).all()


@pytest.mark.usefixtures("threads")
def test_other_threads_run_while_a_kernel_does() -> None:
    # Threads are not switched any more: another one runs only when this one lets it.
    fs.set_num_threads(1)
    step, states = fs.Operator(momentum), [np.ones((50_000, 64), np.float32) for _ in range(2)]
    grad, known, interval = np.ones((50_000, 64), np.float32), {"during": 0}, sys.getswitchinterval()
    step(*states, grad, **SCALARS)

    def work() -> None:
        known["begun"] = True
        step(*states, grad, **SCALARS)
        known["ended"] = True

    try:
        sys.setswitchinterval(1000)
        # The system may be slow to wake whoever waits.
        for _ in range(200):
            known.update(begun=False, ended=False)
            thread = threading.Thread(target=work)
            thread.start()
            while not known["ended"]:
                known["during"] += known["begun"]
                time.sleep(0)
            thread.join()
            if known["during"]:
                break
    finally:
        sys.setswitchinterval(interval)
    assert known["during"]
