"""Preserve denormal numbers: XLA flushes them to zero on the CPU threads that run its callbacks."""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

# At least as large as the fenv_t of any C library.
FENV_BYTES = 512


class Environment(NamedTuple):
    """The C library's functions for the floating-point environment of a thread, and the default environment."""

    get: Callable[[Any], int]
    put: Callable[[Any], int]
    default: ctypes.c_void_p


@cache
def environment() -> Environment | None:
    """The functions, or None where the C library does not have them or its default environment is unknown."""
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
def denormals_preserved() -> Iterator[None]:
    """Compute with denormals, then restore the thread's environment. Threads that run kernels inherit the environment
    of the thread that starts them."""
    found = environment()
    if found is None:
        yield
        return
    before = ctypes.create_string_buffer(FENV_BYTES)
    found.get(before)
    found.put(found.default)
    try:
        yield
    finally:
        found.put(before)
