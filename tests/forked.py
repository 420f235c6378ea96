"""Work in a child of fork: what crashes, hangs or writes where it must not, does so there."""

import faulthandler
import gc
import os
import signal
import time
import traceback
import warnings
from collections.abc import Callable

SECONDS = 60


def fork() -> int:
    """Forks; of the threads of a process that forks Python warns, and that it works with them is what is tested."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
        return os.fork()


def in_child(work: Callable[[], None], seconds: float = SECONDS) -> None:
    """Does the work in a forked child, which must end well within the time.

    Raises:
        AssertionError: what the child raised, or how it ended.
    """
    if not hasattr(os, "fork"):
        work()
        return
    reading, writing = os.pipe()
    child = fork()
    if child == 0:
        # A collection would touch, and so copy, all that the parent has in memory; a crash is told by its signal.
        gc.disable()
        faulthandler.disable()
        try:
            work()
        except BaseException:
            os.write(writing, traceback.format_exc().encode()[-60_000:])
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as report:
        status = ended(child, seconds)
        said = report.read().decode()
    if status is None:
        raise AssertionError(f"the child did not return within {seconds} s")
    if os.WIFSIGNALED(status):
        raise AssertionError(f"the child was killed by {signal.Signals(os.WTERMSIG(status)).name}")
    if status:
        raise AssertionError(f"in the child:\n{said}")


def ended(child: int, seconds: float) -> int | None:
    """How a child ended; None if it did not in time, and is killed."""
    end, pause = time.monotonic() + seconds, 0.0002
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(pause)
        pause = min(0.01, pause * 1.5)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
