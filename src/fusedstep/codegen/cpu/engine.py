"""The engine that object files are loaded into: functions by their addresses."""

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import binding

from ...interrupts import defer_sigint
from ..compile_notice import notice
from . import compile_lock, compiler, disk_cache
from .symbols import symbol_of

_addresses: dict[str, int] = {}


def address_of(name: str, text: str, make: Callable[[str], bytes]) -> int:
    """The address of a function.

    Args:
        name: what it is called.
        text: what decides on its machine code, beside the CPU.
        make: makes the object file that holds it under a symbol.
    """
    # llvmlite frees twice what it is interrupted in freeing.
    with defer_sigint(), compile_lock.compiling:
        symbol = symbol_of(name, text)
        if symbol not in _addresses:
            code = disk_cache.object_file(symbol, lambda: made(make, symbol))
            _addresses[symbol] = load(symbol, code)
        return _addresses[symbol]


def made(make: Callable[[str], bytes], symbol: str) -> bytes:
    """Makes an object file; a terminal is told of it if that takes long."""
    with notice.during("for this machine", where_cached):
        return make(symbol)


def where_cached() -> str:
    """Where object files are cached, for a person."""
    try:
        return f"once; cached in {disk_cache.private_folder()}"
    except (OSError, RuntimeError):
        return "in each process, for want of a cache folder"


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
