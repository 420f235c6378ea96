"""The processes that check operators: a crash or a hang affects only one operator."""

import contextlib
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from multiprocessing.connection import Connection, wait

from ..codegen.compile_notice import silence
from .operators import split_small
from .outcome import Outcome

# Seconds for one operator; much more than the first compilation of its kernels takes.
LIMIT = 300.0
Check = Callable[[str], Outcome]
# Spawned: a fork would inherit compiled code and settings.
CONTEXT = multiprocessing.get_context("spawn")


class Worker:
    """A process that checks one operator after another.

    Attributes:
        names: the operators that are left; the first is being checked.
        deadline: the time until which its outcome is awaited.
    """

    def __init__(self, check: Check) -> None:
        self.connection, other = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=serve, args=(other, check), daemon=True)
        self.process.start()
        # Only the process holds its end of the pipe, so that the pipe closes when the process ends.
        other.close()
        self.names: deque[str] = deque()
        self.deadline = 0.0

    def begin(self, names: Sequence[str], limit: float) -> None:
        """Check the first of some operators."""
        self.names, self.deadline = deque(names), time.monotonic() + limit
        # The wait for an answer detects a process that has ended already.
        with contextlib.suppress(OSError):
            self.connection.send(self.names[0])

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()
        self.connection.close()

    def answer(self, ready: Sequence[object], limit: float) -> Outcome | None:
        """The outcome of the first operator, or how the process ended; None while it is checked."""
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
    groups: Iterable[Sequence[str]], check: Check, processes: int, limit: float = LIMIT
) -> Generator[Outcome, None, None]:
    """The outcome of each operator as it is checked; those of a group in one process, one after another."""
    waiting = deque(groups)
    workers: list[Worker] = []
    try:
        while waiting or workers:
            while waiting and len(workers) < processes:
                workers.append(Worker(check))
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


def serve(connection: Connection, check: Check) -> None:
    """Check every operator whose name arrives, until the pipe closes."""
    # Ctrl-C stops the command, which then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The command shows its progress.
    silence()
    split_small()
    while True:
        try:
            name = connection.recv()
        except EOFError:
            return
        try:
            found = check(name)
        except Exception as error:
            found = Outcome(name, ended=f"could not be checked: {type(error).__name__}: {error}")
        connection.send(found)


def how_ended(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    named = [f" ({each.name})" for each in signal.Signals if each == -status]
    return "".join([f"crashed: signal {-status}", *named])
