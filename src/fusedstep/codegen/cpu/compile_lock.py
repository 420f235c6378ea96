"""What a thread holds while it compiles: a child of fork must find it free."""

import os
import sys
import threading
from typing import Any

from llvmlite.binding import ffi

# Held while a function is compiled or loaded.
compiling = threading.RLock()
# What each fork that has begun holds; changed only by who holds ``compiling``.
_held: list[list[Any]] = []


def locks() -> list[Any]:
    """The locks, the outermost first: ours, Numba's, if it is imported, and llvmlite's."""
    numba = getattr(sys.modules.get("numba.core.compiler_lock"), "global_compiler_lock", None)
    return [compiling, *([numba] if numba else []), ffi.lib._lock._lock]


def _hold() -> None:
    # A child has none of the threads that would give them back.
    held = []
    for lock in locks():
        lock.acquire()
        held.append(lock)
    _held.append(held)


def _give_back() -> None:
    for lock in reversed(_held.pop()):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_give_back, after_in_child=_give_back)
