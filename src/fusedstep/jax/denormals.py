"""Keeps numbers near zero what they are: XLA has the CPU take them for 0 on the threads that it calls us on."""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

# More than any C library's fenv_t.
ROOM = 512


class Environment(NamedTuple):
    """The C library's functions of a thread's floating-point environment, and its default one."""

    get: Callable[[Any], int]
    put: Callable[[Any], int]
    default: ctypes.c_void_p


@cache
def environment() -> Environment | None:
    """They, where the C library has them under their standard names and where the default one is known."""
    if sys.platform == "win32":
        return None
    library = ctypes.CDLL(None)
    try:
        get, put = library.fegetenv, library.fesetenv
        macos = sys.platform == "darwin"
        # FE_DFL_ENV is an object on macOS, and -1 in the C libraries of Linux.
        default = ctypes.addressof(ctypes.c_char.in_dll(library, "_FE_DFL_ENV")) if macos else -1
    except (AttributeError, ValueError):
        return None
    return Environment(get, put, ctypes.c_void_p(default))


@contextmanager
def kept() -> Iterator[None]:
    """Computes with numbers near zero as everywhere else, and puts back how the thread did. The threads that kernels
    run on take over how the one computes that starts them."""
    found = environment()
    if found is None:
        yield
        return
    before = ctypes.create_string_buffer(ROOM)
    found.get(before)
    found.put(found.default)
    try:
        yield
    finally:
        found.put(before)
