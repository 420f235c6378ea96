"""Ctrl-C, held back while a call is between its first write and its last, and while machine code is made."""

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
    """A handler of interrupts that notes that one came, as long as it is to hold them back.

    Attributes:
        handler: the one whose place it takes.
        holding: whether interrupts are held back; else they go to the handler.
        came: what that is to be called with; empty if no interrupt came.
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
    """Interrupts that come meanwhile are handled at the end: what is begun is then done, and recorded."""
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
    """A note in the place of the handler of interrupts; None where they are held back already, or never come here."""
    # Python handles signals on its main thread, and only there may handlers be changed.
    if threading.current_thread() is not threading.main_thread():
        return None
    handler = get_handler(signal.SIGINT)
    if isinstance(handler, Note):
        if handler.holding:
            return None
        # Left behind where another signal's handler raised.
        handler = handler.handler
    if not callable(handler):
        return None
    note = Note(handler)
    try:
        set_handler(signal.SIGINT, note)
    except ValueError:
        # Embedded, Python may have another main thread than the one that ``threading`` knows.
        return None
    return note


def put_back(handler: Handler) -> None:
    """Puts the handler of interrupts back, whatever the handlers of other signals raise meanwhile."""
    try:
        set_handler(signal.SIGINT, handler)
    except BaseException:
        # Before a handler is changed, those of signals that have come are called: this one's comes next.
        set_handler(signal.SIGINT, handler)
        raise


def _handle_again() -> None:
    # A child of fork may be made by another thread while the main one, which is not in the child, holds them back.
    note = get_handler(signal.SIGINT)
    if isinstance(note, Note):
        set_handler(signal.SIGINT, note.handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_handle_again)
