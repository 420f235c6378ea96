"""A step that is timed."""

from collections.abc import Callable
from typing import Any, NamedTuple


def nothing() -> None:
    """The preparation of most steps."""


class Step(NamedTuple):
    """One step.

    Attributes:
        run: the function that is timed.
        before: called before each run, and not timed.
    """

    run: Callable[[], Any]
    before: Callable[[], Any] = nothing
