"""MindSpore's settings of memory and threads. They have no effect: every call runs immediately, on the CPU."""

from .said_once import say_once
from .unavailable import attribute_finder

__getattr__ = attribute_finder(__name__)


def set_memory(
    init_size: str = "2GB",
    increase_size: str = "2GB",
    max_size: str = "1024GB",
    optimize_level: str = "O0",
    huge_page_reserve_size: str = "0GB",
) -> None:
    """Accepted, without effect: there is no pool of memory.

    Args:
        init_size: the size of MindSpore's pool.
        increase_size: by how much it grows.
        max_size: how large it becomes.
        optimize_level: "O0" or "O1".
        huge_page_reserve_size: the size of huge pages.

    Raises:
        ValueError: the level is unknown.
    """
    if optimize_level not in ("O0", "O1"):
        raise ValueError(f"set_memory: optimize_level is {optimize_level!r}, expected 'O0' or 'O1'")
    say_once("set_memory", "", "has no effect")


def launch_blocking() -> None:
    """Accepted, without effect: each call has finished when it returns."""


def dispatch_threads_num(threads_num: int) -> None:
    """Accepted, without effect: ``fusedstep.set_num_threads`` sets how many threads a call has.

    Args:
        threads_num: how many threads start MindSpore's operators.
    """
    say_once("dispatch_threads_num", "", f"{threads_num} has no effect; use fusedstep.set_num_threads")


def synchronize() -> None:
    """Return at once: nothing waits to be done."""


def empty_cache() -> None:
    """Accepted, without effect: there is no pool of memory."""
