"""Locks on memory: calls that share memory run one after another, other calls at the same time."""

import os
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np


class Claim(NamedTuple):
    """A call's claim to memory.

    Attributes:
        written: the views that it writes.
        read: the views that it only reads; other calls may read them too.
        held: a lock that is locked while the claim is active.
    """

    written: Sequence[np.ndarray]
    read: Sequence[np.ndarray]
    held: threading.Lock


_registry = threading.RLock()
_claims: list[Claim] = []


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether two views share a byte, however they are sliced."""
    return np.may_share_memory(a, b) and np.shares_memory(a, b)


def exclusive(work: Callable[[], None], written: Sequence[np.ndarray], read: Sequence[np.ndarray] = ()) -> None:
    """Do work while no other call writes to the memory, or reads what the work writes.

    All memory is claimed at once, so that two calls never wait for each other.
    """
    claim = Claim(written, read, threading.Lock())
    try:
        # ``with`` releases a lock of the standard library even after an interrupt: no Python code runs in between.
        with claim.held:
            while (other := enter(claim)) is not None:
                with other.held:
                    pass
            work()
    finally:
        settle()


def enter(claim: Claim) -> Claim | None:
    """Add a claim to the active ones; or return an active claim that it must wait for."""
    with _registry:
        settle()
        for other in _claims:
            if conflict(claim, other):
                return other
        _claims.append(claim)
    return None


def settle() -> None:
    """Remove claims that are no longer active, and with them their references to arrays."""
    with _registry:
        _claims[:] = [each for each in _claims if each.held.locked()]


def conflict(mine: Claim, theirs: Claim) -> bool:
    """Return whether one of two calls writes memory that the other writes or reads."""
    return any(overlap(a, b) for a in mine.written for b in (*theirs.written, *theirs.read)) or any(
        overlap(a, b) for a in mine.read for b in theirs.written
    )


def _forget_claims() -> None:
    # The threads that made the claims do not exist in a child of fork.
    global _registry
    _registry = threading.RLock()
    _claims.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_claims)
