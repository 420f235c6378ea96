"""Locks on memory: calls that share any of it follow one another, others run at the same time."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_changed = threading.Condition()
_held: list[list[np.ndarray]] = []


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two views share a byte, however they were sliced."""
    return np.may_share_memory(a, b) and np.shares_memory(a, b)


@contextmanager
def hold(views: list[np.ndarray]) -> Iterator[None]:
    """Holds the memory of some views, all of it at once, so that no two calls wait for each other."""
    try:
        with _changed:
            while any(overlap(mine, theirs) for others in _held for theirs in others for mine in views):
                _changed.wait()
            _held.append(views)
        yield
    finally:
        with _changed:
            _held[:] = [others for others in _held if others is not views]
            _changed.notify_all()


def _forget_locks() -> None:
    # The threads that held them are not in a child of fork.
    global _changed
    _changed = threading.Condition()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_locks)
