"""The result of checking an operator."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# What is checked of an operator: its results, what it refuses and takes, and what originals computed.
KINDS = ("rule", "calls", "golden")


class Mismatch(Exception):  # noqa: N818 - a finding, not an error
    """A check that failed: what came, and what was expected."""

    def __init__(self, came: str, expected: str) -> None:
        super().__init__(came, expected)
        self.came, self.expected = came, expected


@dataclass(frozen=True)
class Failure:
    """A check that failed.

    Attributes:
        kind: one of ``KINDS``.
        check: which check: the type, the threads, the argument.
        came: what came of it.
        expected: what was expected.
    """

    kind: str
    check: str
    came: str
    expected: str


@dataclass
class Outcome:
    """The checks of one operator.

    Attributes:
        name: the operator.
        made: how many checks were made of each kind.
        failures: those that failed.
        near: the types in which its results are compared within a bound, and not bit for bit.
        ended: how its process ended, if that was before its checks did.
    """

    name: str
    made: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    failures: list[Failure] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    ended: str = ""

    @property
    def passed(self) -> bool:
        """Whether every check was made, and none failed."""
        return not self.failures and not self.ended

    def failed(self, kind: str) -> int:
        """How many checks of a kind failed."""
        return sum(failure.kind == kind for failure in self.failures)

    def check(self, kind: str, what: str, function: Callable[..., None], *arguments: Any) -> None:
        """Makes a check, a function that raises ``Mismatch`` where something is wrong."""
        self.made[kind] += 1
        try:
            function(*arguments)
        except Mismatch as wrong:
            self.failures.append(Failure(kind, what, wrong.came, wrong.expected))
        except Exception as error:
            self.failures.append(Failure(kind, what, f"{type(error).__name__}: {error}", "no error"))
