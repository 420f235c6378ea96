"""Locks on memory: calls that share any of it follow one another, others run at the same time."""

import os
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np


class Claim(NamedTuple):
    """A call's claim to memory.

    Attributes:
        written: the views that it writes.
        read: those that it only reads; others may read them too.
        held: locked as long as the claim stands.
    """

    written: Sequence[np.ndarray]
    read: Sequence[np.ndarray]
    held: threading.Lock


_registry = threading.RLock()
_claims: list[Claim] = []


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two views share a byte, however they were sliced."""
    return np.may_share_memory(a, b) and np.shares_memory(a, b)


def exclusive(work: Callable[[], None], written: Sequence[np.ndarray], read: Sequence[np.ndarray] = ()) -> None:
    """Works while no other call writes to some memory, or reads what is written here; all of it is claimed at once, so
    that no two calls wait for each other."""
    claim = Claim(written, read, threading.Lock())
    try:
        # Locks of the standard library are given back whatever comes: no interrupt can come between in Python.
        with claim.held:
            while (other := enter(claim)) is not None:
                with other.held:
                    pass
            work()
    finally:
        settle()


def enter(claim: Claim) -> Claim | None:
    """Enters a claim among those that stand; where that cannot be, one that it must wait for."""
    with _registry:
        settle()
        for other in _claims:
            if conflict(claim, other):
                return other
        _claims.append(claim)
    return None


def settle() -> None:
    """Forgets claims that no longer stand, and with them the arrays."""
    with _registry:
        _claims[:] = [each for each in _claims if each.held.locked()]


def conflict(mine: Claim, theirs: Claim) -> bool:
    """Whether one of two calls writes what the other writes or reads."""
    return any(overlap(a, b) for a in mine.written for b in (*theirs.written, *theirs.read)) or any(
        overlap(a, b) for a in mine.read for b in theirs.written
    )


def _forget_claims() -> None:
    # The threads that made them are not in a child of fork.
    global _registry
    _registry = threading.RLock()
    _claims.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_claims)
