"""Defer Ctrl-C between the first and the last write of a call, and during compilation."""

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

# The functions of ``signal`` convert numbers with exceptions. That takes ten of the twenty microseconds of a step.
_plain: Any = importlib.import_module("_signal" if "_signal" in sys.builtin_module_names else "signal")
set_handler: Callable[[int, Any], Any] = _plain.signal
get_handler: Callable[[int], Any] = _plain.getsignal


class Note:
    """A handler of interrupts that records them while they are deferred.

    Attributes:
        handler: the handler that it replaces.
        holding: whether interrupts are deferred; if not, they are passed to ``handler``.
        came: the arguments of the last deferred interrupt; empty if there was none.
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.holding = True
        self.came: list[tuple[int, FrameType | None]] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.holding:
            self.came[:] = [(number, frame)]
        else:
            self.handler(number, frame)


@contextmanager
def defer_sigint() -> Iterator[None]:
    """Defer interrupts to the end of the block, so that the block is completed and recorded."""
    note = installed_note()
    try:
        yield
    finally:
        if note:
            try:
                put_back(note.handler)
            finally:
                note.holding = False
                for number, frame in note.came:
                    note.handler(number, frame)


def installed_note() -> Note | None:
    """Replace the handler of interrupts by a note; None if they are deferred already, or never arrive here."""
    # Python handles signals on its main thread, and only that thread may change handlers.
    if threading.current_thread() is not threading.main_thread():
        return None
    handler = get_handler(signal.SIGINT)
    if isinstance(handler, Note):
        if handler.holding:
            return None
        # This note is left from a call in which the handler of another signal raised.
        handler = handler.handler
    if not callable(handler):
        return None
    note = Note(handler)
    try:
        set_handler(signal.SIGINT, note)
    except ValueError:
        # In an embedded Python, the main thread may not be the one that ``threading`` knows.
        return None
    return note


def put_back(handler: Handler) -> None:
    """Restore the handler of interrupts, even if the handler of another signal raises."""
    try:
        set_handler(signal.SIGINT, handler)
    except BaseException:
        # Before it changes a handler, Python calls the handlers of arrived signals, and one raised. Set it now.
        set_handler(signal.SIGINT, handler)
        raise


def _handle_again() -> None:
    # Another thread may fork while the main thread, which the child does not have, defers interrupts.
    note = get_handler(signal.SIGINT)
    if isinstance(note, Note):
        set_handler(signal.SIGINT, note.handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_handle_again)
