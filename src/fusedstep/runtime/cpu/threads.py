"""The threads that kernels run on: the caller's own, and a few helpers that wait for work.

WorkerPool take shares of a job from the same queue as the caller, who does whatever they leave: a job never waits for a
helper that has not begun.
"""

import contextlib
import operator
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from queue import SimpleQueue

from ...interrupts import defer_sigint
from .cpus import usable_cpus

__all__ = ["get_num_threads", "run", "set_num_threads"]


@cache
def cpu_getter() -> Callable[[], int] | None:
    """The C library's function that tells which CPU a thread runs on, where there is one and threads can be moved."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    import ctypes

    found: Callable[[], int] | None = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return found


def current_cpu() -> int | None:
    """The CPU that this thread runs on, where that can be told."""
    getter = cpu_getter()
    return None if getter is None else getter()


class Task:
    """Shares of one call's work, to be done in any order by whoever comes."""

    def __init__(self, shares: Sequence[Callable[[], None]]) -> None:
        self.waiting = deque(shares)
        self.errors: list[BaseException] = []
        self.lock = threading.Lock()
        self.helping = 0
        self.left: SimpleQueue[None] = SimpleQueue()

    def work(self) -> None:
        """Does shares until none is waiting."""
        while True:
            try:
                share = self.waiting.popleft()
            except IndexError:
                return
            try:
                share()
            except BaseException as raised:
                self.errors.append(raised)

    def help(self) -> None:
        """Does shares on a helper's thread."""
        with self.lock:
            self.helping += 1
        self.work()
        with self.lock:
            self.helping -= 1
        self.left.put(None)

    def finish(self) -> None:
        """Does shares on the caller's thread, and waits for the helpers, whatever comes between."""
        while True:
            try:
                self.work()
                while self.helping:
                    self.left.get()
                return
            except BaseException as interrupt:
                # Shares that have begun cannot be stopped, and must not write on once the caller has gone.
                self.errors.append(interrupt)


class WorkerPool:
    """Threads that wait for jobs; started when first needed."""

    def __init__(self) -> None:
        self.inbox: SimpleQueue[Task] = SimpleQueue()
        self.lock = threading.Lock()
        self.threads: list[threading.Thread] = []
        self.cpus: set[int] = set()

    def call(self, job: Task, count: int) -> None:
        """Calls up to ``count`` helpers to a job."""
        if len(self.threads) < count:
            # No new thread can be had while the interpreter shuts down: the caller works alone.
            with self.lock, contextlib.suppress(RuntimeError):
                while len(self.threads) < count:
                    thread = threading.Thread(target=self.serve, name="fusedstep", daemon=True)
                    thread.start()
                    self.threads.append(thread)
                    self.cpus = set()
        self.keep_off(current_cpu())
        for _ in range(min(count, len(self.threads))):
            self.inbox.put(job)

    def keep_off(self, cpu: int | None) -> None:
        """Keeps helpers off the caller's CPU: Linux may wake them there, to wait for milliseconds while others idle."""
        if cpu is None:
            return
        others = os.sched_getaffinity(0) - {cpu}
        if others and others != self.cpus:
            self.cpus = others
            for identifier in [thread.native_id for thread in self.threads if thread.native_id]:
                # A setting that is refused costs time, nothing else.
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(identifier, others)

    def serve(self) -> None:
        while True:
            job = self.inbox.get()
            job.help()
            # Waiting with the job in hand would keep its arrays alive.
            del job


_workers = WorkerPool()
_num_threads = usable_cpus()


def run(shares: Sequence[Callable[[], None]], threads: int) -> None:
    """Does all shares on so many threads, the caller's own included; returns, or raises, once all have ended."""
    if len(shares) == 1:
        shares[0]()
        return
    job = Task(shares)
    with defer_sigint():
        try:
            # WorkerPool are a help: what none of them takes the caller does.
            with contextlib.suppress(Exception):
                _workers.call(job, threads - 1)
        finally:
            # They may have begun, whatever came.
            job.finish()
    if job.errors:
        raise job.errors[0]


def set_num_threads(count: int) -> None:
    """Sets on how many threads a call may run, the caller's own included.

    The results do not depend on it, not by one bit.

    Args:
        count: at least 1. The default is the number of CPUs that the process may use, a container's quota included.

    Raises:
        TypeError: ``count`` is no whole number.
        ValueError: ``count`` is below 1.

    >>> before = get_num_threads()
    >>> set_num_threads(2)
    >>> get_num_threads()
    2
    >>> set_num_threads(before)
    """
    global _num_threads
    try:
        number = operator.index(count)
    except TypeError:
        number = None
    if number is None or isinstance(count, bool):
        raise TypeError(f"set_num_threads: count is of type {type(count).__name__}, expected a whole number")
    if number < 1:
        raise ValueError(f"set_num_threads: count is {number}, expected at least 1")
    _num_threads = number


def get_num_threads() -> int:
    """On how many threads a call may run, the caller's own included."""
    return _num_threads


def _forget_workers() -> None:
    # A child of fork has none of its parent's threads.
    global _workers
    _workers = WorkerPool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)
