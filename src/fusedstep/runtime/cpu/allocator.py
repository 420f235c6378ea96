"""The process's malloc: whether it is glibc's, and whether memory that is freed goes back to the system."""

import ctypes
import os
from typing import Any

# The parameters of glibc's mallopt. M_MMAP_THRESHOLD cannot turn mappings off: before glibc 2.35 it is at most 32 MiB.
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
NEVER_RETURN = {TRIM_THRESHOLD: -1, MMAP_MAX: 0}
DEFAULTS = {TRIM_THRESHOLD: 128 * 1024, MMAP_MAX: 65536, MMAP_THRESHOLD: 128 * 1024}


class SymbolInfo(ctypes.Structure):
    """The ``Dl_info`` of ``dladdr``: the file that holds a symbol, and where it is loaded."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


class BytesInUse(ctypes.Structure):
    """The ``struct mallinfo2`` of ``mallinfo2``."""

    _fields_ = (
        ("arena", ctypes.c_size_t),
        ("counts", ctypes.c_size_t * 3),
        ("mapped", ctypes.c_size_t),
        ("obsolete", ctypes.c_size_t * 2),
        ("in_arenas", ctypes.c_size_t),
        ("free", ctypes.c_size_t * 2),
    )


def process() -> Any:
    """The functions of the process and all its libraries; None where the system cannot look them up."""
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):
        return None


def version() -> str | None:
    """The version of glibc; None where the C library is another."""
    try:
        function = process().gnu_get_libc_version
    except AttributeError:
        return None
    function.restype = ctypes.c_char_p
    return str(function().decode())


def other_malloc() -> str | None:
    """Why ``mallopt`` does not reach the process's malloc; None if it does."""
    if version() is None:
        return "the C library is not glibc"
    try:
        # Another malloc, such as jemalloc's, takes the place of glibc's: mallopt is glibc's then, or does nothing.
        home, *places = [symbol_info(name) for name in ("gnu_get_libc_version", "malloc", "mallopt", "malloc_trim")]
    except AttributeError:
        return "the C library lacks mallopt"
    for place in places:
        if place.base is None or place.base != home.base:
            return f"malloc is that of {os.fsdecode(place.file or b'another library')}, not glibc's"
    return None


def symbol_info(name: str) -> SymbolInfo:
    """Where a function of the process is.

    Raises:
        AttributeError: the process has no such function.
    """
    library, info = process(), SymbolInfo()
    library.dladdr(ctypes.cast(getattr(library, name), ctypes.c_void_p), ctypes.byref(info))
    return info


def bytes_in_use() -> int | None:
    """The bytes that are allocated by glibc's malloc, in all threads; None before glibc 2.33, which overflows."""
    try:
        function = process().mallinfo2
    except AttributeError:
        return None
    function.restype = BytesInUse
    found = function()
    return int(found.in_arenas + found.mapped)


def keep_freed_memory() -> bool:
    """Have glibc's malloc return no memory to the system. Return whether it takes the settings."""
    return set_options(NEVER_RETURN)


def return_freed_memory() -> bool:
    """Give glibc's malloc its default thresholds, and return free memory. Return whether it takes the settings."""
    done = set_options(DEFAULTS)
    process().malloc_trim(0)
    return done


def set_options(options: dict[int, int]) -> bool:
    """Set options of glibc's malloc. Return whether it takes all of them."""
    mallopt = process().mallopt
    taken = [mallopt(option, value) for option, value in options.items()]
    return 0 not in taken
