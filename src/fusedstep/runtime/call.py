"""A checked call."""

from collections.abc import Callable
from typing import Protocol

BumpVersions = Callable[[], None]


class Call(Protocol):
    """A checked call of an operator, on any backend."""

    def launch(self) -> None:
        """Run the call."""


class NothingToDo:
    """A call on arrays without elements."""

    def launch(self) -> None:
        """Change nothing."""


def nothing() -> None:
    """NumPy arrays have no versions to bump."""
