"""A line on the terminal when a call compiles for long, so that it is not taken for one that hangs."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

# Shorter waits are not told.
PATIENCE = 1.0
# A call compiles several functions. Those that follow one another within so many seconds are one wait.
GAP = 0.5


class CompileNotice:
    """Tells once of each long wait for compilers, whichever threads wait.

    Attributes:
        silent: whether nothing is told.
    """

    def __init__(self) -> None:
        self.silent = False
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._running, self._spent, self._told = 0, 0.0, False
        self._began = self._ended = time.monotonic()

    @contextmanager
    def during(self, what: str, place: Callable[[], str]) -> Iterator[None]:
        """Tell of a compilation if it takes long.

        Args:
            what: what is compiled.
            place: says where the result is cached; called only if it is told.
        """
        self._begin(what, place)
        try:
            yield
        finally:
            self._end()

    def _begin(self, what: str, place: Callable[[], str]) -> None:
        stream = None if self.silent else terminal()
        with self._lock:
            now = time.monotonic()
            self._running += 1
            if self._running > 1:
                return
            if now - self._ended > GAP:
                self._spent, self._told = 0.0, False
            self._began = now
            if stream is None or self._told:
                return
            self._timer = threading.Timer(max(0.0, PATIENCE - self._spent), self._tell, (stream, what, place))
            self._timer.daemon = True
            # Where no thread can be started, as at the end of the interpreter, nothing is told.
            with suppress(RuntimeError):
                self._timer.start()

    def _end(self) -> None:
        with self._lock:
            self._running = max(0, self._running - 1)
            if self._running:
                return
            self._ended = time.monotonic()
            self._spent += self._ended - self._began
            if self._timer:
                self._timer.cancel()
                self._timer = None

    def _tell(self, stream: TextIO, what: str, place: Callable[[], str]) -> None:
        with self._lock:
            if not self._running or self._told:
                return
            self._told = True
        # The terminal may be gone by now.
        with suppress(Exception):
            stream.write(f"fusedstep: compiling {what} ({place()})\n")
            stream.flush()


def terminal() -> TextIO | None:
    """Standard error, if a person reads it as it is written; None under pytest too."""
    stream = sys.stderr
    try:
        return stream if stream is not None and stream.isatty() and "pytest" not in sys.modules else None
    except (AttributeError, ValueError):
        # Replaced by something else, or closed.
        return None


notice = CompileNotice()


def silence() -> None:
    """Tell nothing in this process: the commands of the terminal show progress of their own."""
    notice.silent = True


if hasattr(os, "register_at_fork"):
    # The child has none of the threads that compile, or tell.
    os.register_at_fork(after_in_child=notice._reset)
