"""The processes that operators are verified in: one that crashes or hangs takes nothing else with it."""

import contextlib
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from multiprocessing.connection import Connection, wait

from .operators import split_small
from .outcome import Outcome

# Seconds for one operator. Compiling its kernels for the first time takes some; nothing takes so many.
LIMIT = 300.0
Task = Callable[[str], Outcome]
# Started anew: what a process has compiled, and how it is set, is its own.
CONTEXT = multiprocessing.get_context("spawn")


class Worker:
    """A process that does a task for one name after another.

    Attributes:
        names: those that it has still to do; the first is at work.
        deadline: when that is waited for no longer.
    """

    def __init__(self, task: Task) -> None:
        self.connection, other = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=serve, args=(other, task), daemon=True)
        self.process.start()
        # The process's end must have no other holder: that it closes says that the process has ended.
        other.close()
        self.names: deque[str] = deque()
        self.deadline = 0.0

    def begin(self, names: Sequence[str], limit: float) -> None:
        """Has the first of some names done."""
        self.names, self.deadline = deque(names), time.monotonic() + limit
        # A process that has ended already is seen when it is waited for.
        with contextlib.suppress(OSError):
            self.connection.send(self.names[0])

    def end(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.join()
        self.connection.close()

    def answer(self, ready: Sequence[object], limit: float) -> Outcome | None:
        """The result of the first name, or how the process ended; None while it runs."""
        if self.connection in ready:
            try:
                found: Outcome = self.connection.recv()
                return found
            except (EOFError, OSError):
                self.process.join()
                return Outcome(self.names[0], ended=how_ended(self.process.exitcode or 0))
        if self.deadline <= time.monotonic():
            return Outcome(self.names[0], ended=f"gave no answer in {limit:g} seconds")
        return None


def outcomes(
    groups: Iterable[Sequence[str]], task: Task, processes: int, limit: float = LIMIT
) -> Generator[Outcome, None, None]:
    """The result of each name, as it is finished; the names of a group run in one process, one after another."""
    waiting = deque(groups)
    workers: list[Worker] = []
    try:
        while waiting or workers:
            while waiting and len(workers) < processes:
                workers.append(Worker(task))
                workers[-1].begin(waiting.popleft(), limit)
            patience = min(worker.deadline for worker in workers) - time.monotonic()
            ready = wait([worker.connection for worker in workers], max(0.0, patience))
            for worker in list(workers):
                found = worker.answer(ready, limit)
                if found is None:
                    continue
                left = list(worker.names)[1:]
                if found.ended and left:
                    waiting.appendleft(left)
                if not found.ended and (left or waiting):
                    worker.begin(left or waiting.popleft(), limit)
                else:
                    workers.remove(worker)
                    worker.end()
                yield found
    finally:
        for worker in workers:
            worker.end()


def serve(connection: Connection, task: Task) -> None:
    """Does a task for every name that comes, until none comes any more."""
    # Ctrl-C is for the command, which then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    split_small()
    while True:
        try:
            name = connection.recv()
        except EOFError:
            return
        try:
            found = task(name)
        except Exception as error:
            found = Outcome(name, ended=f"could not be checked: {type(error).__name__}: {error}")
        connection.send(found)


def how_ended(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    named = [f" ({each.name})" for each in signal.Signals if each == -status]
    return "".join([f"crashed: signal {-status}", *named])
