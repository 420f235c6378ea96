"""The threads that kernels run on: the calling thread, and a pool of workers.

Workers take parts of a task from the same queue as the caller, who runs the remaining ones: a task never waits for a
worker that has not started.
"""

import contextlib
import operator
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache, partial
from queue import SimpleQueue
from typing import Any

from ...interrupts import defer_sigint
from .cpus import usable_cpus

__all__ = ["get_num_threads", "run", "set_num_threads"]


@cache
def cpu_getter() -> Callable[[], int] | None:
    """The C function that returns the CPU of the calling thread; None if it or thread affinity is not available."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    import ctypes

    found: Callable[[], int] | None = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return found


def current_cpu() -> int | None:
    """The CPU of this thread, or None if unknown."""
    getter = cpu_getter()
    return None if getter is None else getter()


class Task:
    """The parts of one call, to be run in any order by any thread."""

    def __init__(self, parts: Sequence[Callable[[], None]]) -> None:
        self.waiting = deque(parts)
        self.errors: list[BaseException] = []
        self.lock = threading.Lock()
        self.helping = 0
        self.left: SimpleQueue[None] = SimpleQueue()

    def work(self) -> None:
        """Run parts until none is waiting."""
        while True:
            try:
                part = self.waiting.popleft()
            except IndexError:
                return
            try:
                part()
            except BaseException as raised:
                self.errors.append(raised)

    def help(self) -> None:
        """Run parts on a worker thread."""
        with self.lock:
            self.helping += 1
        self.work()
        with self.lock:
            self.helping -= 1
        self.left.put(None)

    def finish(self) -> None:
        """Run parts on the caller's thread, and wait for the workers, even after an interrupt."""
        while True:
            try:
                self.work()
                while self.helping:
                    self.left.get()
                return
            except BaseException as interrupt:
                # Parts that have begun cannot be stopped, and must not write after the caller returns.
                self.errors.append(interrupt)


class WorkerPool:
    """Threads that wait for tasks; started when first needed."""

    def __init__(self) -> None:
        self.inbox: SimpleQueue[Task] = SimpleQueue()
        self.lock = threading.Lock()
        self.threads: list[threading.Thread] = []
        self.cpus: set[int] = set()

    def call(self, task: Task, count: int) -> None:
        """Give a task to up to ``count`` workers."""
        if len(self.threads) < count:
            # No thread can be started while the interpreter shuts down: the caller works alone.
            with self.lock, contextlib.suppress(RuntimeError):
                while len(self.threads) < count:
                    thread = threading.Thread(target=self.serve, name="fusedstep", daemon=True)
                    thread.start()
                    self.threads.append(thread)
                    self.cpus = set()
        self.keep_off(current_cpu())
        for _ in range(min(count, len(self.threads))):
            self.inbox.put(task)

    def keep_off(self, cpu: int | None) -> None:
        """Keep workers off the caller's CPU: Linux may schedule them there although other CPUs are idle."""
        if cpu is None:
            return
        others = os.sched_getaffinity(0) - {cpu}
        if others and others != self.cpus:
            self.cpus = others
            for identifier in [thread.native_id for thread in self.threads if thread.native_id]:
                # If this fails, the call is only slower.
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(identifier, others)

    def serve(self) -> None:
        while True:
            task = self.inbox.get()
            task.help()
            # A reference to the task would keep its arrays alive.
            del task


_workers = WorkerPool()
_num_threads = usable_cpus()


def run(parts: Sequence[Callable[[], None]], threads: int) -> None:
    """Run all parts on ``threads`` threads, including the caller's; return or raise when all have ended."""
    if len(parts) == 1:
        parts[0]()
        return
    task = Task(parts)
    with defer_sigint():
        try:
            # Workers are optional: the caller runs the parts that they do not take.
            with contextlib.suppress(Exception):
                _workers.call(task, threads - 1)
        finally:
            # Workers may have begun, even after an error.
            task.finish()
    raise_first(task.errors)


# Whether the thread runs a call beside those of other threads.
_beside_others = threading.local()


def run_side_by_side(calls: Sequence[Callable[[], None]], threads: int) -> None:
    """Run whole calls side by side on ``threads`` threads: each call runs on one thread only, and all are run.

    Raises:
        Exception: that of the first call that failed.
    """
    if len(calls) == 1 or threads == 1:
        run_in_turn(calls)
    elif calls:
        run([partial(run_beside_others, call) for call in calls], threads)


def run_in_turn(calls: Sequence[Callable[[], None]]) -> None:
    """Run calls one after another, each on as many threads as it likes, and all even if one fails."""
    errors = []
    for call in calls:
        try:
            call()
        except Exception as raised:
            errors.append(raised)
    raise_first(errors)


def raise_first(errors: list[Any]) -> None:
    """Raise the first of some errors, if there are any, and forget all."""
    try:
        if errors:
            raise errors[0]
    finally:
        # A frame of its traceback holds the list, so that the error would keep itself and all arrays alive.
        errors.clear()


def run_beside_others(call: Callable[[], None]) -> None:
    """Run a call on this thread only."""
    before = getattr(_beside_others, "value", False)
    _beside_others.value = True
    try:
        call()
    finally:
        _beside_others.value = before


def threads_here() -> int:
    """Return the number of threads on which a call of this thread may run, including this one."""
    return 1 if getattr(_beside_others, "value", False) else _num_threads


def set_num_threads(count: int) -> None:
    """Set the number of threads on which a call may run, including the caller's.

    The results do not depend on it: all bits are the same.

    Args:
        count: at least 1. The default is the number of CPUs that the process may use, within a container's quota.

    Raises:
        TypeError: ``count`` is not an integer.
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
    """Return the number of threads on which a call may run, including the caller's."""
    return _num_threads


def _forget_workers() -> None:
    # After fork, the child has none of its parent's threads.
    global _workers
    _workers = WorkerPool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)
