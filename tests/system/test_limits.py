"""The ends of what can be asked: no memory, no threads, tables and distances beyond 2**31, widths of 0 and 1."""

import mmap
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import fusedstep as fs
from fusedstep.runtime import history
from fusedstep.runtime.cpu import grouping, launch, workspace
from fusedstep.runtime.cpu import threads as pool
from fusedstep.runtime.cpu import whole_tensor as reductions
from fusedstep.words import tensor_mean
from tests import reference
from tests.runtime.test_threads import SCALARS, momentum
from tests.system.test_interrupts import adafactor, adam_at, lamb

ROOT = Path(__file__).parents[2]


# No memory.


class Scarce:
    """NumPy, as a module sees it, with memory for so many arrays."""

    def __init__(self, room: list[int]) -> None:
        self.room = room

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if name not in ("empty", "zeros", "arange", "searchsorted"):
            return found

        def allocate(*args: Any, **options: Any) -> Any:
            self.room[0] -= 1
            if self.room[0] < 0:
                raise MemoryError(f"no memory for {name}")
            return found(*args, **options)

        return allocate


@pytest.fixture
def scarce(monkeypatch: pytest.MonkeyPatch, split_small: None) -> list[int]:
    """How many arrays there is memory for; any number until it is set."""
    room = [10**9]
    modules: list[ModuleType] = [grouping, history, launch, reductions, workspace]
    for module in modules:
        monkeypatch.setattr(module, "np", Scarce(room))
    return room


def states_of(count: int, shape: tuple[int, ...] = (250, 4)) -> list[np.ndarray]:
    return [np.linspace(1, 2 + number, int(np.prod(shape)), dtype=np.float32).reshape(shape) for number in range(count)]


def assert_unchanged_without_memory(scarce: list[int], states: list[np.ndarray], call: Callable[[], Any]) -> int:
    """Makes a call with memory for none, one, two, ... arrays, until it goes through. How many it takes."""
    before = [state.copy() for state in states]
    for room in range(100):
        scarce[0] = room
        try:
            call()
        except MemoryError:
            for state, start in zip(states, before, strict=True):
                reference.assert_same_bits(state, start)
        else:
            scarce[0] = 10**9
            return room
    raise AssertionError("there is never enough")


GRAD, INDICES = np.linspace(-1, 1, 200, dtype=np.float32).reshape(50, 4), np.arange(50)[::-1] // 2 * 9
# How many arrays a call takes at least: none where its gradient is dense.
OPERATORS = {None: 0, "touched": 4, "every": 4}


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("rows", OPERATORS)
def test_without_memory_nothing_is_changed(rows: str | None, count: int, scarce: list[int]) -> None:
    fs.set_num_threads(count)
    states, step = states_of(2), fs.Operator(momentum)
    expected = reference.step(
        momentum,
        states,
        np.tile(GRAD, (5, 1)) if rows is None else GRAD,
        INDICES if rows else None,
        rows or "",
        SCALARS,
    )
    given = (GRAD, INDICES) if rows else (np.tile(GRAD, (5, 1)),)
    taken = assert_unchanged_without_memory(
        scarce, states, lambda: step(*states, *given, rows=rows or "touched", **SCALARS)
    )
    assert taken >= OPERATORS[rows]
    for got, want in zip(states, expected, strict=True):
        reference.assert_same_bits(got, want)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_without_memory_no_row_of_a_bag_is_changed(rows: str, count: int, scarce: list[int]) -> None:
    fs.set_num_threads(count)
    states, step = states_of(2), fs.Operator(momentum)
    bags, weights = {"offsets": np.arange(0, 50, 5)}, np.linspace(1, 2, 50, dtype=np.float32)
    call = lambda: step(*states, GRAD[:10], INDICES, **bags, weights=weights, rows=rows, **SCALARS)  # noqa: E731
    assert assert_unchanged_without_memory(scarce, states, call) >= 4
    expanded = np.repeat(GRAD[:10], 5, axis=0) * weights[:, None]
    for each, other in zip(
        states, reference.step(momentum, states_of(2), expanded, INDICES, rows, SCALARS), strict=True
    ):
        reference.assert_same_bits(each, other)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("rule", "shapes"), [(lamb, [(250, 4)] * 3), (adafactor, [(250, 4), (250,), (4,)])])
def test_without_memory_for_sums_nothing_is_changed(
    rule: Callable[..., Callable[[], Any]], shapes: list[tuple[int, ...]], count: int, scarce: list[int]
) -> None:
    fs.set_num_threads(count)
    states = [np.linspace(1, 2, int(np.prod(shape)), dtype=np.float32).reshape(shape) for shape in shapes]
    assert assert_unchanged_without_memory(scarce, states, rule(*states)) >= 5


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("indices", [INDICES, np.arange(250)], ids=["few", "many"])
def test_without_memory_no_deferred_row_is_changed(indices: np.ndarray, count: int, scarce: list[int]) -> None:
    fs.set_num_threads(count)
    states = states_of(3)
    expected = [state.copy() for state in states]
    table, every = fs.DeferredRows(fs.rules.adam, *states, method="replay"), fs.Operator(fs.rules.adam)
    grad = np.linspace(-1, 1, 4 * indices.size, dtype=np.float32).reshape(-1, 4)
    # The history's room doubles on the way, with rows asleep.
    for number in range(1, 70):
        if number in (1, 2, 65, 69):
            call = lambda number=number: table.step(grad, indices, **adam_at(number))  # noqa: E731
            assert assert_unchanged_without_memory(scarce, states, call) > 0
        else:
            table.step(GRAD[:1], np.array([number]), **adam_at(number))
        given = (grad, indices) if number in (1, 2, 65, 69) else (GRAD[:1], np.array([number]))
        every(*expected, *given, rows="every", **adam_at(number))
    table.flush()
    for got, want in zip(states, expected, strict=True):
        reference.assert_same_bits(got, want)


FULL = """
import resource, sys, threading
import numpy as np
import fusedstep as fs
from tests.runtime.test_threads import SCALARS, momentum

fs.set_num_threads(2)
ROWS = 1_500_000
table = np.ones((ROWS, 8), np.float32)
states = [table[:, :4], np.ones((ROWS, 4), np.float32)]
large = np.ones((ROWS, 8), np.float32)
indices, grad = np.arange(ROWS)[::-1] // 2, np.ones((ROWS, 4), np.float32)
step, small = fs.Operator(momentum), [np.ones((10, 4), np.float32) for _ in range(3)]
deferred = fs.DeferredRows(momentum, *states)
lookup = np.arange(ROWS // 4)[::-1].copy()
calls = {
    "dense": lambda: step(*states, large[:, 4:], **SCALARS),
    "touched": lambda: step(*states, grad, indices, **SCALARS),
    "every": lambda: step(*states, grad, indices, rows="every", **SCALARS),
    "deferred": lambda: deferred.step(grad[: lookup.size], lookup, **SCALARS),
    "catch_up": lambda: deferred.catch_up(lookup),
}
# All kernels are there, and all threads.
step(*small, **SCALARS), step(*small, np.arange(10), **SCALARS)
step(*small, np.arange(10) // 2, rows="every", **SCALARS)
other = fs.DeferredRows(momentum, *small[:2])
other.step(small[2][:2], np.array([1, 1]), **SCALARS), other.catch_up(np.array([3])), other.flush()
threading.stack_size(2**20)
step(np.ones((ROWS, 4), np.float32), np.ones((ROWS, 4), np.float32), grad, **SCALARS)

used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**20, resource.getrlimit(resource.RLIMIT_AS)[1]))
for name, call in calls.items():
    try:
        call()
        print(name, "went through")
    except MemoryError:
        print(name, "MemoryError")
resource.setrlimit(resource.RLIMIT_AS, (resource.getrlimit(resource.RLIMIT_AS)[1],) * 2)
print("changed", not (table == 1).all() or not (states[1] == 1).all())
for call in calls.values():
    call()
print("changed", not (table == 1).all())
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="written for systems that tell how much is used")
def test_a_process_whose_memory_is_used_up_goes_on() -> None:
    pytest.importorskip("resource")
    command = [sys.executable, "-c", FULL]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    names = ["dense", "touched", "every", "deferred", "catch_up"]
    expected = [*(f"{name} MemoryError" for name in names), "changed False", "changed True"]
    assert (ended.returncode, ended.stdout.splitlines()) == (0, expected), ended.stderr


# No threads.


@pytest.mark.parametrize("room", [0, 1, 2])
@pytest.mark.usefixtures("split_small")
def test_with_fewer_threads_than_asked_for_calls_work(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    start, left = threading.Thread.start, [room]

    def refuse(thread: threading.Thread) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(pool, "_workers", pool.WorkerPool())
    fs.set_num_threads(64)
    states = states_of(2)
    expected = reference.step(momentum, states, GRAD, INDICES, "touched", SCALARS)
    fs.Operator(momentum)(*states, GRAD, INDICES, **SCALARS)
    for got, want in zip(states, expected, strict=True):
        reference.assert_same_bits(got, want)
    assert len(pool._workers.threads) == room


NO_THREADS = """
import resource, threading
import numpy as np
import fusedstep as fs
from fusedstep.runtime.cpu import threads as pool
from fusedstep.words import tensor_mean
from tests.runtime.test_threads import SCALARS, momentum

states = [np.ones((500_000, 4), np.float32) for _ in range(2)]
grad, small = np.ones((500_000, 4), np.float32), [np.ones((10, 4), np.float32) for _ in range(3)]
fs.Operator(momentum)(*small, **SCALARS)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))
threading.stack_size(2**30)  # more than there is
try:
    threading.Thread(target=print).start()
except RuntimeError as error:
    print(error)
fs.set_num_threads(4)
fs.Operator(momentum)(*states, grad, **SCALARS)
print(len(pool._workers.threads), bool((states[0] != 1).all()))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="written for systems that tell how much is used")
def test_where_the_system_starts_no_threads_the_caller_works_alone() -> None:
    pytest.importorskip("resource")
    command = [sys.executable, "-c", NO_THREADS]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout) == (0, "can't start new thread\n0 True\n"), ended.stderr


# Beyond 2**31.


def sparse(elements: int, dtype: Any = np.float32) -> np.ndarray:
    """Memory that is taken only where it is written to; with zeros in it."""
    size = elements * np.dtype(dtype).itemsize
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    try:
        return np.frombuffer(mmap.mmap(-1, size, flags=flags), dtype)
    except (OSError, OverflowError, AttributeError) as error:
        pytest.skip(f"there is no room for {size:,} bytes that are not used: {error}")


FAR = 2**31


@pytest.fixture
def tables(request: pytest.FixtureRequest) -> list[np.ndarray]:
    """Two tables of more than 2**31 elements."""
    rows, width = request.param
    return [sparse(rows * width).reshape(rows, width) for _ in range(2)]


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
@pytest.mark.parametrize("tables", [(FAR // 64 + 5, 64), (FAR + 5, 1)], indirect=True, ids=["wide", "narrow"])
@pytest.mark.usefixtures("split_small")
def test_tables_of_more_than_2_31_elements(tables: list[np.ndarray], kind: Callable[[np.ndarray], Any]) -> None:
    fs.set_num_threads(2)
    rows, width = tables[0].shape
    indices = np.array([rows - 1, 3, rows - 1, rows - 4, 0], np.int64)
    grad = np.linspace(1, 2, 5 * width, dtype=np.float32).reshape(5, width)
    named = np.unique(indices)
    small = [np.zeros((named.size, width), np.float32) for _ in range(2)]
    expected = reference.step(momentum, small, grad, np.searchsorted(named, indices), "touched", SCALARS)
    types = [np.int64] if kind is not np.asarray else [np.int64, np.uint32, np.uint64, np.float64]
    if rows < FAR:
        types += [np.int32]
    for dtype in types:
        if dtype is np.float64:
            # One more row than there is, beyond what 32 bits tell apart.
            with pytest.raises(IndexError, match=f"expected 0 to {rows - 1}"):
                fs.Operator(momentum)(*map(kind, tables), kind(grad[:1]), kind(np.array([rows])), **SCALARS)
            continue
        for table in tables:
            table[named] = 0
        fs.Operator(momentum)(*map(kind, tables), kind(grad), kind(indices.astype(dtype)), **SCALARS)
        for got, want in zip(tables, expected, strict=True):
            reference.assert_same_bits(got[named], want)
            # Neither those beside them nor those whose number is the same in 32 bits.
            for row in named:
                near = np.setdiff1d([row - 1, row + 1, row % 2**32 % rows, row - FAR], named)
                assert not got[near[(near >= 0) & (near < rows)]].any()


@pytest.mark.parametrize("tables", [(FAR // 64 + 5, 64)], indirect=True, ids=["wide"])
@pytest.mark.usefixtures("threads")
def test_deferred_rows_of_more_than_2_31_elements(tables: list[np.ndarray]) -> None:
    rows = len(tables[0])
    table = fs.DeferredRows(momentum, *tables)
    named, last = np.array([rows - 1, 2, rows - 1]), np.array([rows - 1])
    grad, none = np.ones((3, 64), np.float32), np.zeros((0, 64), np.float32)
    small = [np.zeros((3, 64), np.float32) for _ in range(2)]
    for given, indices in ((grad, named), (none, named[:0]), (grad[:1], last)):
        table.step(given, indices, **SCALARS)
        small = reference.step(momentum, small, given, np.where(indices == 2, 2, 1), "every", SCALARS)
    table.catch_up(named)
    for got, want in zip(tables, small, strict=True):
        reference.assert_same_bits(got[-1], want[1])
        reference.assert_same_bits(got[2], want[2])
        assert not got[[0, 1, 3, rows - 2]].any()


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
@pytest.mark.parametrize("rows", [None, "touched", "every"])
@pytest.mark.usefixtures("split_small")
def test_rows_that_are_further_apart_than_2_31_elements(rows: str | None, kind: Callable[[np.ndarray], Any]) -> None:
    fs.set_num_threads(3)
    row_stride = 2**30
    wide = [sparse(4 * row_stride + 8), np.zeros(40, np.float32)]
    states = [np.lib.stride_tricks.as_strided(wide[0], (5, 8), (4 * row_stride, 4)), wide[1].reshape(5, 8)]
    grad = np.linspace(1, 2, 40, dtype=np.float32).reshape(5, 8)
    indices = None if rows is None else np.array([4, 0, 4, 3, 0])
    expected = reference.step(momentum, states, grad, indices, rows or "every", SCALARS)
    given = (kind(grad),) if indices is None else (kind(grad), kind(indices))
    fs.Operator(momentum)(*map(kind, states), *given, rows=rows or "touched", **SCALARS)
    for got, want in zip(states, expected, strict=True):
        reference.assert_same_bits(np.ascontiguousarray(got), want)
    # Behind each row there is nothing, nor where it would be with 32 bits.
    for row in range(5):
        assert not wide[0][row * row_stride + 8 : row * row_stride + 1000].any()


@pytest.mark.long
@pytest.mark.usefixtures("threads")
def test_a_dense_step_of_more_than_2_31_elements() -> None:
    elements = FAR + 1000
    try:
        var, grad = np.ones(elements, np.float16), np.ones(elements, np.float16)
    except MemoryError:
        pytest.skip("there is no memory for 8 GB")
    fs.set_num_threads(2)
    fs.Operator(fs.rules.gradient_descent)(var, grad, lr=0.25)
    assert (var == 0.75).all()


# Widths, counts and types.


INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.intp, np.longlong]


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("rows", ["touched", "every", "deferred"])
def test_indices_of_every_integer_type_up_to_its_last_number(dtype: Any, rows: str) -> None:
    largest = min(int(np.iinfo(dtype).max), 70_000)
    # At the type's range, where it has one that a table can have; beyond it, and below.
    for height in {largest + 1, largest + 300, max(1, largest - 100)}:
        last = min(height - 1, largest)
        indices = np.array([last, 0, last, last // 2], dtype)
        states = [np.ones((height, 1), np.float32), np.zeros((height, 1), np.float32)]
        grad = np.array([[1], [2], [3], [4]], np.float32)
        want = reference.step(
            momentum, states, grad, indices.astype(np.int64), rows.replace("deferred", "every"), SCALARS
        )
        if rows == "deferred":
            fs.DeferredRows(momentum, *states, method="replay").step(grad, indices, **SCALARS)
            want, states = ([each[indices.astype(np.int64)] for each in some] for some in (want, states))
        else:
            fs.Operator(momentum)(*states, grad, indices, rows=rows, **SCALARS)
        for got, expected in zip(states, want, strict=True):
            reference.assert_same_bits(got, expected)
        for bad in (-1, height):
            if not np.iinfo(dtype).min <= bad <= np.iinfo(dtype).max:
                continue
            with pytest.raises(IndexError, match=rf"indices\[1\] is {bad}, expected 0 to {height - 1}"):
                fs.Operator(momentum)(
                    np.ones((height, 1), np.float32),
                    np.ones((height, 1), np.float32),
                    grad[:2],
                    np.array([0, bad], dtype),
                    **SCALARS,
                )


@pytest.mark.parametrize("name", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_indices_of_every_integer_type_of_torch(name: str) -> None:
    indices = torch.tensor([100, 3, 100]).to(getattr(torch, name))
    states = [np.ones((120, 2), np.float32) for _ in range(2)]
    grad = np.ones((3, 2), np.float32)
    want = reference.step(momentum, states, grad, np.array([100, 3, 100]), "touched", SCALARS)
    fs.Operator(momentum)(*map(torch.from_numpy, states), torch.from_numpy(grad), indices, **SCALARS)
    for got, expected in zip(states, want, strict=True):
        reference.assert_same_bits(got, expected)


@pytest.mark.parametrize("height", [0, 1, 2])
@pytest.mark.parametrize("width", [0, 1, 2])
@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.usefixtures("split_small")
def test_widths_and_counts_of_0_and_1_in_every_loop(height: int, width: int, count: int) -> None:
    fs.set_num_threads(3)
    rng = np.random.default_rng(5)
    states = [reference.numbers(rng, (height, width)) for _ in range(2)]
    indices = rng.integers(0, max(1, height), count if height else 0)
    grad, dense = reference.numbers(rng, (indices.size, width)), reference.numbers(rng, (height, width))
    for loop in ("dense", "touched", "every", "deferred"):
        given = (dense,) if loop == "dense" else (grad, indices)
        kept = loop if loop == "touched" else "every"
        want = reference.step(momentum, states, given[0], None if loop == "dense" else indices, kept, SCALARS)
        got = [state.copy() for state in states]
        if loop == "deferred":
            table = fs.DeferredRows(momentum, *got)
            table.step(*given, **SCALARS)
            table.catch_up(indices)
            table.flush()
        else:
            fs.Operator(momentum)(*got, *given, rows="touched" if loop == "dense" else loop, **SCALARS)
        for each, expected in zip(got, want, strict=True):
            reference.assert_same_bits(each, expected, loop)


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0), (1, 1), (1, 4), (4, 1)])
@pytest.mark.usefixtures("split_small")
def test_widths_and_counts_of_0_and_1_of_sums(shape: tuple[int, int]) -> None:
    def centred(var: Any, grad: Any, *, lr: Any) -> Any:
        return var - lr * (grad - tensor_mean(grad))

    fs.set_num_threads(3)
    var, grad = np.ones(shape, np.float32), np.full(shape, 2, np.float32)
    fs.Operator(centred)(var, grad, lr=0.5)
    assert (var == 1).all()
