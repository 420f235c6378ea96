"""Ctrl-C, held back while a call is between its first write and its last."""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], object]

# Those of ``signal`` turn numbers into names by way of exceptions: ten microseconds of a step's twenty.
_plain: Any = importlib.import_module("_signal" if "_signal" in sys.builtin_module_names else "signal")
set_handler: Callable[[int, Any], Any] = _plain.signal
get_handler: Callable[[int], Any] = _plain.getsignal


class Note:
    """A handler of interrupts that notes that one came.

    Attributes:
        handler: the one whose place it takes.
        came: what that is to be called with; empty if no interrupt came.
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.came: list[tuple[int, FrameType | None]] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came[:] = [(number, frame)]


@contextmanager
def held_back() -> Iterator[None]:
    """Interrupts that come meanwhile are handled at the end: what is begun is then done, and recorded."""
    # Python handles signals on its main thread, and only there may handlers be changed.
    main = threading.current_thread() is threading.main_thread()
    handler = get_handler(signal.SIGINT) if main else None
    if not callable(handler) or isinstance(handler, Note):
        yield
        return
    note = Note(handler)
    try:
        set_handler(signal.SIGINT, note)
        yield
    finally:
        set_handler(signal.SIGINT, handler)
        for number, frame in note.came:
            handler(number, frame)


def _handle_again() -> None:
    # A child of fork may be made by another thread while the main one, which is not in the child, holds them back.
    note = get_handler(signal.SIGINT)
    if isinstance(note, Note):
        set_handler(signal.SIGINT, note.handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_handle_again)
