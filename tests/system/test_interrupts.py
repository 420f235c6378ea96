"""Ctrl-C during a call: the arrays have stepped or they have not, wherever it comes."""

import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from unittest.mock import Mock

import numpy as np
import pytest
import torch

import fusedstep as fs
from fusedstep import interrupts
from fusedstep.runtime.cpu import threads as pool
from tests.reference import bits
from tests.runtime.test_threads import SCALARS, momentum

Hook = Callable[[FrameType, str, Any], Any]


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C raises, as it does where no shell has set it to be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def interrupted(work: Callable[[], Any], number: int) -> bool:
    """Works, and presses Ctrl-C at the ``number``-th place where Python looks for signals: whenever a function is
    entered, or has returned. Whether there was such a place."""
    seen = 0

    def press(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal seen
        # What is raised in a generator that is thrown away Python prints, and goes on.
        if event in ("call", "return", "c_return") and frame.f_code.co_name != "<genexpr>":
            seen += 1
            if seen == number:
                signal.raise_signal(signal.SIGINT)

    # What is raised in a callback of the collector Python prints too, and goes on.
    gc.disable()
    try:
        sys.setprofile(press)
        work()
    except KeyboardInterrupt as interrupt:
        # As the prompt of Python does; what the traceback refers to lives on.
        sys.last_value = interrupt
        return True
    finally:
        sys.setprofile(None)
        gc.enable()
    assert seen < number
    return False


class Begun(NamedTuple):
    """A call that can be made, and what there is to see before and after."""

    call: Callable[[], Any]
    seen: Callable[[], Any]


def assert_all_or_nothing(begin: Callable[[], Begun], changes: bool = True) -> None:
    """Interrupts a call everywhere.

    Args:
        begin: puts everything in its place; returns the call, and what tells what there is to see of it.
        changes: whether there is a difference to see. What is replayed is the same, whenever that is done.
    """
    before, begun = begin().seen(), begin()
    begun.call()
    after = begun.seen()
    assert (before != after) == changes
    found, number, begun = [], 1, begin()
    while interrupted(begun.call, number):
        found.append(begun.seen())
        assert found[-1] in (before, after), f"interrupted at place {number}"
        begun, number = begin(), number + 1
    assert begun.seen() == after
    assert before in found
    assert after in found


def content(arrays: Any) -> list[list[int]]:
    return [bits(np.asarray(array)).ravel().tolist() for array in arrays]


GRAD = np.linspace(-1, 1, 200, dtype=np.float32).reshape(50, 4)
INDICES = np.arange(50) // 2
TABLE = [np.linspace(1, 2, 1000, dtype=np.float32).reshape(250, 4), np.linspace(2, 3, 1000, dtype=np.float32)]


def restored(arrays: list[np.ndarray], start: list[np.ndarray]) -> None:
    for array, each in zip(arrays, start, strict=True):
        array[...] = each.reshape(array.shape)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("locking", [False, True], ids=["free", "locked"])
@pytest.mark.parametrize("rows", [None, "touched", "every"])
@pytest.mark.usefixtures("split_small")
def test_an_operator(rows: str | None, locking: bool, count: int) -> None:
    fs.set_num_threads(count)
    step, states = fs.Operator(momentum, use_locking=locking), [np.empty((250, 4), np.float32) for _ in range(2)]
    given = (np.tile(GRAD, (5, 1)),) if rows is None else (GRAD, INDICES)

    def begin() -> Begun:
        restored(states, TABLE)
        return Begun(lambda: step(*states, *given, rows=rows or "touched", **SCALARS), lambda: content(states))

    assert_all_or_nothing(begin)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.usefixtures("split_small")
def test_autograd_notices_what_an_interrupted_call_has_written(count: int) -> None:
    fs.set_num_threads(count)
    step, tensors = fs.Operator(momentum), [torch.empty(250, 4) for _ in range(2)]

    def begin() -> Begun:
        restored([tensor.numpy() for tensor in tensors], TABLE)
        versions = [tensor._version for tensor in tensors]

        def seen() -> Any:
            found = content(tensors)
            raised = [tensor._version > version for tensor, version in zip(tensors, versions, strict=True)]
            # To be told of what was not written does no harm.
            assert all(raised) or found == content(TABLE)
            return found

        return Begun(lambda: step(*tensors, GRAD.repeat(5, 0), **SCALARS), seen)

    assert_all_or_nothing(begin)


ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}


def adam_at(step: int) -> dict[str, float]:
    return ADAM | {"beta1_power": 0.9**step, "beta2_power": 0.99**step}


def lamb(param: np.ndarray, m: np.ndarray, v: np.ndarray) -> Callable[[], Any]:
    step, grad = fs.Operator(fs.rules.lamb), np.linspace(-1, 1, param.size, dtype=np.float32).reshape(param.shape)
    return lambda: step(param, m, v, grad, decay=0.1, **adam_at(3))


def adafactor(param: np.ndarray, row: np.ndarray, column: np.ndarray) -> Callable[[], Any]:
    # Its rows and its columns are written in stages of their own.
    step, grad = fs.ops.FusedAdaFactor(), np.linspace(-1, 1, param.size, dtype=np.float32).reshape(param.shape)
    scalars = ((1e-30, 1e-3), 1.0, 0.9, 0.8, 0.01, 0.01)
    return lambda: step(*scalars, param, grad, np.zeros(1, np.float32), row, column, np.zeros(1, np.float32))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("rule", "shapes"), [(lamb, [(250, 4)] * 3), (adafactor, [(250, 4), (250,), (4,)])], ids=["lamb", "adafactor"]
)
@pytest.mark.usefixtures("split_small")
def test_a_rule_that_adds_up_the_tensor(
    rule: Callable[..., Callable[[], Any]], shapes: list[tuple[int, ...]], count: int
) -> None:
    fs.set_num_threads(count)
    states = [np.empty(shape, np.float32) for shape in shapes]
    call = rule(*states)

    def begin() -> Begun:
        restored(states, [np.linspace(1, 2, state.size, dtype=np.float32) for state in states])
        return Begun(call, lambda: content(states))

    assert_all_or_nothing(begin)


FEW = np.array([3, 200, 3, 17])
CALLS: dict[str, Callable[[fs.DeferredRows], Any]] = {
    "step": lambda table: table.step(GRAD[:4], FEW, **adam_at(4)),
    "many": lambda table: table.step(np.tile(GRAD, (5, 1)), np.arange(250), **adam_at(4)),
    "changed": lambda table: table.step(GRAD[:4], FEW, **adam_at(4) | {"epsilon": 1e-4}),
    "catch_up": lambda table: table.catch_up(np.arange(100)),
    "flush": lambda table: table.flush(),
}


def deferred_calls() -> Iterator[Any]:
    """Every call by both methods, on one thread and on three; in each run by one method on three."""
    for number, call in enumerate(CALLS):
        for count, method in itertools.product((3, 1), ("series", "replay")):
            short = count == 3 and (method == "series") == (number % 2 == 0)
            marks = () if short else pytest.mark.long
            yield pytest.param(call, method, count, id=f"{call}-{method}-{count}", marks=marks)


@pytest.mark.parametrize(("call", "method", "count"), list(deferred_calls()))
@pytest.mark.usefixtures("split_small")
def test_deferred_rows(call: str, method: str, count: int) -> None:
    fs.set_num_threads(count)
    operator = fs.Operator(fs.rules.adam)
    start = [*TABLE, TABLE[1]]

    def begin() -> Begun:
        states = [np.empty((250, 4), np.float32) for _ in range(3)]
        restored(states, start)
        table = fs.DeferredRows.of(operator, states, method)
        table.step(GRAD[:2], np.array([1, 3]), **adam_at(1))
        table.step(GRAD[:2], np.array([200, 8]), **adam_at(2))
        table.step(GRAD[:2], np.array([3, 249]), **adam_at(3))

        def seen() -> Any:
            # What rows are owed shows once they take it; and the history must be fit for another step.
            table.step(GRAD[:1], np.array([7]), **adam_at(5))
            table.flush()
            return content(states)

        return Begun(lambda: CALLS[call](table), seen)

    assert_all_or_nothing(begin, changes=method == "series" or call not in ("catch_up", "flush"))


@pytest.mark.usefixtures("split_small")
def test_an_optimizer_steps_with_all_parameters_or_none() -> None:
    fs.set_num_threads(3)
    grads = [torch.linspace(-1, 1, 1000).reshape(250, 4), torch.linspace(1, 2, 7)]

    def begin() -> Begun:
        # What torch itself was interrupted in: leaving its no_grad.
        torch.set_grad_enabled(True)
        params = [torch.nn.Parameter(torch.ones_like(grad)) for grad in grads]
        optimizer = fs.torch.Adam(params, lr=0.1)
        for param, grad in zip(params, grads, strict=True):
            param.grad = grad
        optimizer.step()

        def seen() -> Any:
            states = [optimizer.state[param] for param in params]
            held = [state[key] for state in states for key in ("exp_avg", "exp_avg_sq")]
            return content([*(param.detach() for param in params), *held, *(float(each["step"]) for each in states)])

        return Begun(optimizer.step, seen)

    try:
        assert_all_or_nothing(begin)
    finally:
        torch.set_grad_enabled(True)


@pytest.mark.parametrize("count", [2, 4])
def test_no_share_is_left_or_goes_on(count: int) -> None:
    started: list[int] = []
    ended: list[int] = []

    def share(number: int) -> Callable[[], None]:
        def work() -> None:
            started.append(number)
            ended.append(number)

        return work

    shares, number = [share(number) for number in range(6)], 1
    while interrupted(lambda: pool.run(shares, count), number):
        assert sorted(started) in ([], list(range(6)))
        assert sorted(ended) == sorted(started)
        started.clear()
        ended.clear()
        number += 1


def test_helpers_that_have_begun_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # The interrupt comes when a helper is in the midst of its share, and the caller has none left.
    helper_in, ended, caller = threading.Event(), [], threading.get_ident()

    def call(job: pool.Task, count: int) -> None:
        helpers_call(job, count)
        assert helper_in.wait(60)
        signal.raise_signal(signal.SIGINT)

    def share() -> None:
        if threading.get_ident() == caller:
            return
        helper_in.set()
        # Until the caller waits: the last thing that it does in Python is to ask who is helping.
        while sys._current_frames()[caller].f_code is not pool.Task.finish.__code__:
            pass
        ended.append(True)

    helpers_call = pool._workers.call
    monkeypatch.setattr(pool._workers, "call", call)
    with pytest.raises(KeyboardInterrupt):
        pool.run([share] * 2, 2)
    assert ended


def test_interrupts_are_handled_by_whoever_handles_them() -> None:
    came = []
    mine = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        with interrupts.defer_sigint(), interrupts.defer_sigint():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            assert not came
        assert came == [signal.SIGINT]
        for left in (signal.SIG_IGN, signal.SIG_DFL):
            signal.signal(signal.SIGINT, left)
            with interrupts.defer_sigint():
                assert signal.getsignal(signal.SIGINT) is left
    finally:
        signal.signal(signal.SIGINT, mine)


def test_an_error_comes_before_the_interrupt() -> None:
    def work() -> None:
        with interrupts.defer_sigint():
            signal.raise_signal(signal.SIGINT)
            raise MemoryError

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert isinstance(caught.value.__context__, MemoryError)


def test_other_threads_hold_back_nothing() -> None:
    found = []

    def work() -> None:
        with interrupts.defer_sigint():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="written for systems that can fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_of_another_thread_handles_its_own() -> None:
    statuses = []

    def fork() -> None:
        child = os.fork()
        if child == 0:
            os._exit(signal.getsignal(signal.SIGINT) is not signal.default_int_handler)
        statuses.append(os.waitpid(child, 0)[1])

    with interrupts.defer_sigint():
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
    assert statuses == [0]


PRESSED = """
import signal, sys
import numpy as np
import fusedstep as fs
signal.signal(signal.SIGINT, signal.default_int_handler)
fs.set_num_threads(2)
step = fs.Operator(fs.rules.gradient_descent)
var, grad = np.zeros((60_000, 64), np.float32), np.ones((60_000, 64), np.float32)
step(var, grad, lr=-1.0)
for caught in range(12):
    try:
        print("ready", flush=True)
        while True:
            step(var, grad, lr=-1.0)
    except KeyboardInterrupt:
        pass
    assert (var == var[0, 0]).all(), "some have stepped, others not"
print("alive", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there, Ctrl-C goes to whole groups of processes")
def test_a_process_that_is_interrupted_goes_on() -> None:
    command = [sys.executable, "-c", PRESSED]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        lines = []
        for line in child.stdout:
            lines.append(line.strip())
            if lines[-1] == "ready":
                child.send_signal(signal.SIGINT)
        errors = child.stderr.read()
    assert (child.returncode, lines) == (0, ["ready"] * 12 + ["alive"]), errors


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="there is no other signal to come")
def test_a_handler_of_another_signal_that_raises_leaves_interrupts_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def alarm(*_: Any) -> None:
        raise TimeoutError

    def alarmed(number: int, handler: Any) -> Any:
        # As it does before a handler is changed, if a signal has come.
        if not isinstance(handler, interrupts.Note) and not told:
            told.append(number)
            alarm()
        return plain(number, handler)

    told: list[int] = []
    before, plain = signal.getsignal(signal.SIGINT), interrupts.set_handler
    monkeypatch.setattr(interrupts, "set_handler", alarmed)
    with pytest.raises(TimeoutError), interrupts.defer_sigint():
        pass
    assert told
    assert signal.getsignal(signal.SIGINT) is before


def test_a_note_that_was_left_behind_holds_nothing_back() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        stale = interrupts.Note(signal.getsignal(signal.SIGINT))  # type: ignore[arg-type]
        stale.holding = False
        signal.signal(signal.SIGINT, stale)
        signal.raise_signal(signal.SIGINT)
        with interrupts.defer_sigint():
            signal.raise_signal(signal.SIGINT)
            assert len(came) == 1
        assert len(came) == 2
    finally:
        signal.signal(signal.SIGINT, before)


def test_where_handlers_cannot_be_changed_calls_are_made_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "set_handler", Mock(side_effect=ValueError("main thread of the main interpreter")))
    done = []
    with interrupts.defer_sigint():
        done.append(1)
    assert done


def test_helpers_that_cannot_be_called_are_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    monkeypatch.setattr(pool.WorkerPool, "call", Mock(side_effect=MemoryError))
    pool.run([lambda: done.append(1), lambda: done.append(2)], 2)
    assert sorted(done) == [1, 2]
