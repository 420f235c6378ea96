"""Calls in several processes, and while the interpreter ends. Run as a script: a failure may hang or crash.

``python -m tests.processes <name>`` prints "right" if all went as it should.
"""

import atexit
import multiprocessing
import multiprocessing.shared_memory
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

import fusedstep as fs
from fusedstep.runtime.cpu import parts
from tests import reference
from tests.runtime.test_threads import SCALARS, momentum

ROWS, WIDTH = 240, 4
GRAD = np.linspace(-1, 1, ROWS * WIDTH, dtype=np.float32).reshape(ROWS, WIDTH)
INDICES = np.arange(ROWS) // 2


def threaded() -> None:
    """Several threads in every call, however small."""
    parts.ELEMENTS_PER_THREAD = 1
    fs.set_num_threads(3)


def start() -> list[np.ndarray]:
    return [np.linspace(1, 2, ROWS * WIDTH, dtype=np.float32).reshape(ROWS, WIDTH) for _ in range(2)]


def expected(steps: int = 1, rows: str = "touched") -> list[np.ndarray]:
    states = start()
    for _ in range(steps):
        states = reference.step(momentum, states, GRAD, INDICES, rows, SCALARS)
    return states


def assert_right(states: Any, want: list[np.ndarray]) -> None:
    for got, each in zip(states, want, strict=True):
        reference.assert_same_bits(np.ascontiguousarray(got), each)


def stepped(step: fs.Operator, rows: str) -> list[np.ndarray]:
    """What a worker does."""
    threaded()
    states = start()
    step(*states, GRAD, INDICES, rows=rows, **SCALARS)
    return states


def pool_of(method: str) -> None:
    step = fs.Operator(momentum)
    # The pool of threads has run before its process has children.
    assert_right(stepped(step, "touched"), expected())
    with multiprocessing.get_context(method).Pool(2) as pool:
        for rows in ("touched", "every"):
            for states in pool.starmap(stepped, [(step, rows)] * 3):
                assert_right(states, expected(rows=rows))
        pool.close()
        pool.join()
    assert_right(stepped(step, "every"), expected(rows="every"))


def spawn() -> None:
    pool_of("spawn")


def forkserver() -> None:
    pool_of("forkserver")


def fork() -> None:
    pool_of("fork")


def executor() -> None:
    step = fs.Operator(momentum)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as workers:
        for states in workers.map(stepped, [step] * 4, ["every"] * 4):
            assert_right(states, expected(rows="every"))


def step_a_part(name: str, part: int, parts: int) -> None:
    """What a worker does with its rows of a table that all share."""
    threaded()
    memory = multiprocessing.shared_memory.SharedMemory(name)
    states = np.ndarray((2, ROWS, WIDTH), np.float32, memory.buf)
    mine = np.arange(part, ROWS // 2, parts)
    named = np.isin(INDICES, mine)
    step = fs.Operator(momentum)
    for _ in range(50):
        step(*states, GRAD[named], INDICES[named], **SCALARS)
    del states
    memory.close()


def shared_memory() -> None:
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=2 * ROWS * WIDTH * 4)
    try:
        states = np.ndarray((2, ROWS, WIDTH), np.float32, memory.buf)
        states[...] = start()
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=step_a_part, args=(memory.name, part, 3)) for part in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0, 0, 0]
        assert_right(states, expected(50))
        del states
    finally:
        memory.close()
        memory.unlink()


def step_tensors(tensors: list[Any]) -> None:
    """What a worker does with tensors that are another's."""
    threaded()
    fs.Operator(momentum)(*tensors, np.copy(GRAD), INDICES, **SCALARS)


def torch_tensors() -> None:
    import torch

    tensors = [torch.from_numpy(state).share_memory_() for state in start()]
    worker = torch.multiprocessing.get_context("spawn").Process(target=step_tensors, args=(tensors,))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    assert_right([tensor.numpy() for tensor in tensors], expected())


def daemons() -> None:
    # Threads that nobody waits for are in the midst of their calls when the interpreter ends.
    threaded()
    begun = threading.Barrier(5)

    def work() -> None:
        step, states = fs.Operator(momentum, use_locking=True), [state.repeat(50, 0) for state in start()]
        step(*states, GRAD.repeat(50, 0), **SCALARS)
        begun.wait()
        while True:
            step(*states, GRAD.repeat(50, 0), **SCALARS)

    for _ in range(4):
        threading.Thread(target=work, daemon=True).start()
    begun.wait()


def at_exit() -> None:
    # Registered before the library has done anything, thus called after all that it may have registered; and threads
    # can no longer be started.
    step, states = fs.Operator(momentum), start()

    def work() -> None:
        threaded()
        step(*states, GRAD, INDICES, rows="every", **SCALARS)
        assert_right(states, expected(rows="every"))

    atexit.register(work)


class Last:
    """An object that steps when it dies."""

    def __init__(self) -> None:
        self.step, self.states = fs.Operator(momentum), start()
        self.step(*(state.copy() for state in self.states), GRAD, INDICES, **SCALARS)
        self.expected, self.check = expected(), assert_right

    def __del__(self) -> None:
        self.step(*self.states, GRAD, INDICES, **SCALARS)
        self.check(self.states, self.expected)


def at_the_very_end() -> None:
    threaded()
    sys.last_object = Last()  # type: ignore[attr-defined]


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
    globals()[sys.argv[1]]()
    print("right")
