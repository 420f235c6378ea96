"""Locks on memory: calls that share any of it follow one another, others run at the same time."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

_changed = threading.Condition()
_held: list[tuple[list[np.ndarray], list[np.ndarray]]] = []


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two views share a byte, however they were sliced."""
    return np.may_share_memory(a, b) and np.shares_memory(a, b)


@contextmanager
def hold(written: list[np.ndarray], read: Sequence[np.ndarray] = ()) -> Iterator[None]:
    """Holds the memory of some views, all of it at once, so that no two calls wait for each other; what is only read
    others may read too."""
    mine = written, list(read)
    try:
        with _changed:
            while any(conflict(mine, theirs) for theirs in _held):
                _changed.wait()
            _held.append(mine)
        yield
    finally:
        with _changed:
            _held[:] = [theirs for theirs in _held if theirs is not mine]
            _changed.notify_all()


def conflict(
    mine: tuple[list[np.ndarray], list[np.ndarray]], theirs: tuple[list[np.ndarray], list[np.ndarray]]
) -> bool:
    """Whether one of two calls writes what the other writes or reads."""
    return any(overlap(a, b) for a in mine[0] for b in (*theirs[0], *theirs[1])) or any(
        overlap(a, b) for a in mine[1] for b in theirs[0]
    )


def _forget_locks() -> None:
    # The threads that held them are not in a child of fork.
    global _changed
    _changed = threading.Condition()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_locks)
