"""What a contender takes: a step that is timed, and what must be done before it."""

from collections.abc import Callable
from typing import Any, NamedTuple


def nothing() -> None:
    """What most steps need before them."""


class Step(NamedTuple):
    """One step.

    Attributes:
        run: what is timed.
        before: done each time before it, and not timed.
    """

    run: Callable[[], Any]
    before: Callable[[], Any] = nothing
