"""Builds woven modules, named by the hash of their text, and keeps their machine code for the next process."""

import hashlib
import os
import sys
import threading
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from .cpu import disk_cache
from .cpu.disk_cache import private_folder, warn_once

PREFIX = "fusedstep_kernel_"

_lock = threading.Lock()


def name_of(text: str) -> str:
    """What the module of a text is called."""
    return PREFIX + hashlib.sha256(text.encode()).hexdigest()


def load(text: str) -> types.ModuleType:
    """The module of a text, compiled or taken from the cache."""
    name = name_of(text)
    with _lock:
        module = sys.modules.get(name)
        if module is None:
            module = build_on_disk(name, text) or build(name, text, None)
    return module


def execute(text: str) -> types.ModuleType:
    """The module of a text that compiles nothing, and of which nothing is kept on disk."""
    name = name_of(text)
    with _lock:
        return sys.modules.get(name) or build(name, text, None)


def build_on_disk(name: str, text: str) -> types.ModuleType | None:
    """Builds a module whose machine code is kept in the cache folder; None, and one warning, where that fails."""
    try:
        return build(name, text, private_folder())
    except (OSError, RuntimeError) as error:
        # Home may be unknown (RuntimeError), the folder not writable or not the user's own, the disk full.
        warn_once(error)
        return None


def build(name: str, text: str, folder: Path | None) -> types.ModuleType:
    """Executes a module's text; compiling is part of that. Its machine code is kept in a folder, if one is given."""
    module = types.ModuleType(name)
    module.__dict__["compiled"] = partial(compiled, folder)
    # Before execution: else Numba takes the module for one that is made as it goes, and keeps nothing.
    sys.modules[name] = module
    try:
        exec(compile(text, f"<{name}>", "exec"), module.__dict__)  # noqa: S102 - the text was woven here
    except BaseException:
        del sys.modules[name]
        raise
    return module


def compiled(folder: Path | None, signature: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """What a module calls to have a function compiled; only then a compiler is imported."""
    from . import kept

    return kept.compiled(folder, signature, **options)


def cache_statistics() -> tuple[int, int]:
    """How many functions of this process's kernels came from the cache, and how many were compiled."""
    statistics = [
        function.stats
        for name, module in list(sys.modules.items())
        if name.startswith(PREFIX)
        for function in vars(module).values()
        if hasattr(function, "stats")
    ]
    hits = sum(sum(each.cache_hits.values()) for each in statistics)
    misses = sum(sum(each.cache_misses.values()) for each in statistics)
    return disk_cache.loaded + hits, disk_cache.made + misses


if hasattr(os, "register_at_fork"):

    def _renew_lock() -> None:
        global _lock
        _lock = threading.Lock()

    os.register_at_fork(after_in_child=_renew_lock)
