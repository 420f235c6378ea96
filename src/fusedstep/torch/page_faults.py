"""Page faults between the steps of an optimizer: where they are thousands, the log names the remedy, once."""

import os
import time
from typing import Any

from .tensor_malloc import why_not_glibc

resource: Any
try:
    import resource
except ImportError:
    resource = None

# The system is asked once in so many steps: asking takes 2 us.
STEPS = 5
# States are created in the first steps. After a fork, pages that are written are copied, for as long as new rows occur.
FIRST_WINDOWS, WINDOWS_AFTER_FORK = 1, 20
# Many are so many page faults a step, at such a rate, 1 or 2 % of the time, in so many windows in succession.
LEAST_FAULTS, LEAST_A_SECOND, SUCCESSION = 2_000, 10_000, 2

# Emptied when all is said: an optimizer in any thread may be the one.
_unsaid = [] if resource is None else ["the remedy"]
_forks = 0


def say_nothing() -> None:
    """Do not speak of page faults from now on."""
    _unsaid.clear()


def _forked() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_forked, after_in_child=_forked)


class PageFaults:
    """The page faults of the process over some steps of one optimizer, with all that is between these steps."""

    __slots__ = ("faults", "forks", "many", "peak", "seconds", "skipped", "steps", "total")

    def __init__(self) -> None:
        self.forks, self.skipped, self.steps = _forks, FIRST_WINDOWS, 0
        self.faults, self.seconds, self.peak = 0, 0.0, 0
        self.many, self.total = 0, 0

    def count(self, optimizer: str) -> None:
        """Count a step. Say once that page faults are many, if they are."""
        if not _unsaid:
            return
        if self.steps:
            self.steps -= 1
            return
        # This step is the first of a window.
        self.steps = STEPS - 1
        usage, now = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        faults, seconds = usage.ru_minflt - self.faults, now - self.seconds
        self.faults, self.seconds = usage.ru_minflt, now
        if self.forks != _forks:
            self.forks, self.skipped = _forks, WINDOWS_AFTER_FORK
        if self.skipped >= 0 or faults < max(LEAST_FAULTS * STEPS, LEAST_A_SECOND * seconds):
            self.skipped -= self.skipped >= 0
            self.restart(usage)
            return
        self.many, self.total = self.many + 1, self.total + faults
        if self.many == SUCCESSION:
            # Memory that is new makes the process grow. (Linux counts it in KiB.)
            if 2 * 1024 * (usage.ru_maxrss - self.peak) < self.total * resource.getpagesize():
                say(optimizer, self.total // (SUCCESSION * STEPS))
            self.restart(usage)

    def restart(self, usage: Any) -> None:
        """Start a new succession of windows."""
        self.many, self.total, self.peak = 0, 0, usage.ru_maxrss


def say(optimizer: str, faults: int) -> None:
    """Name the remedy, if it is one and was not named."""
    try:
        _unsaid.pop()
    except IndexError:
        return
    if why_not_glibc() is None:
        # Imported here so that processes that only step start fast.
        import logging

        logging.getLogger("fusedstep").info(
            "%s: over the last %d steps the system gave this process %d pages of memory a step (%d MiB); where the "
            "program frees such memory and allocates it again, fs.torch.keep_freed_memory() keeps it in the process",
            optimizer,
            SUCCESSION * STEPS,
            faults,
            faults * resource.getpagesize() >> 20,
        )
