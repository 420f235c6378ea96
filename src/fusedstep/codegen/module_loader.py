"""Executes the text of woven modules, each once, under the hash of its text."""

import hashlib
import os
import sys
import threading
import types

PREFIX = "fusedstep_kernel_"

_lock = threading.Lock()


def name_of(text: str) -> str:
    """What the module of a text is called."""
    return PREFIX + hashlib.sha256(text.encode()).hexdigest()


def execute(text: str) -> types.ModuleType:
    """The module of a text, of which nothing is kept on disk."""
    name = name_of(text)
    with _lock:
        if name not in sys.modules:
            module = types.ModuleType(name)
            exec(compile(text, f"<{name}>", "exec"), module.__dict__)  # noqa: S102 - the text was woven here
            sys.modules[name] = module
        return sys.modules[name]


if hasattr(os, "register_at_fork"):

    def _renew_lock() -> None:
        global _lock
        _lock = threading.Lock()

    os.register_at_fork(after_in_child=_renew_lock)
