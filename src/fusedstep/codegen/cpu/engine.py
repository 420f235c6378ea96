"""The engine that object files are loaded into: functions by their addresses."""

import hashlib
import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import binding
from llvmlite.binding import ffi

from ..interrupts import held_back
from . import compiler, disk_cache

_lock = threading.RLock()
_addresses: dict[str, int] = {}


def symbol_of(name: str, text: str) -> str:
    """What a function is called everywhere: its name, and a digest of what its machine code is made of."""
    digest = hashlib.sha256("\n".join([compiler.made_for(), text]).encode()).hexdigest()
    return f"fusedstep_{name}_{digest}"


def address_of(name: str, text: str, make: Callable[[str], bytes]) -> int:
    """The address of a function.

    Args:
        name: what it is called.
        text: what decides on its machine code, beside the CPU.
        make: makes the object file that holds it under a symbol.
    """
    # llvmlite frees twice what it is interrupted in freeing.
    with held_back(), _lock:
        symbol = symbol_of(name, text)
        if symbol not in _addresses:
            code = disk_cache.object_file(symbol, lambda: make(symbol))
            _addresses[symbol] = load(symbol, code)
        return _addresses[symbol]


def load(symbol: str, code: bytes) -> int:
    """Loads an object file; gives the address of a symbol of it."""
    engine().add_object_file(binding.ObjectFileRef.from_data(code))
    engine().finalize_object()
    address: int = engine().get_function_address(symbol)
    if not address:
        raise RuntimeError(f"{symbol} was loaded, but is not found")
    return address


@cache
def engine() -> Any:
    """One for all: each would cost a millisecond."""
    compiler.host()
    return binding.create_mcjit_compiler(binding.parse_assembly(""), compiler.target_machine())


def locks() -> list[Any]:
    """What a thread holds while it compiles, the outermost first: ours, Numba's and llvmlite's."""
    numba = sys.modules.get("numba.core.compiler_lock")
    return [_lock, *([numba.global_compiler_lock] if numba else []), ffi.lib._lock._lock]


_held: list[Any] = []


def _hold() -> None:
    # A child of fork has none of the threads that would give them back.
    for lock in locks():
        lock.acquire()
        _held.append(lock)


def _give_back() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_give_back, after_in_child=_give_back)
