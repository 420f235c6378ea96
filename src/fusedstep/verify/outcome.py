"""The outcome of the checks of an operator."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Results, refused and accepted calls, and results of other libraries.
KINDS = ("rule", "calls", "golden")


class Mismatch(Exception):  # noqa: N818 - a finding, not an error
    """A check failed: what happened, and what was expected."""

    def __init__(self, came: str, expected: str) -> None:
        super().__init__(came, expected)
        self.came, self.expected = came, expected


@dataclass(frozen=True)
class Failure:
    """A check that failed.

    Attributes:
        kind: one of ``KINDS``.
        check: the check: the type, the threads, the argument.
        came: what happened.
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
        made: the number of checks of each kind.
        failures: the failed checks.
        near: the types whose results are compared within a bound, not bit for bit.
        ended: how its process ended, if it ended before all checks.
    """

    name: str
    made: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    failures: list[Failure] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    ended: str = ""

    @property
    def passed(self) -> bool:
        """Whether all checks were made and passed."""
        return not self.failures and not self.ended

    def failed(self, kind: str) -> int:
        """The number of failed checks of a kind."""
        return sum(failure.kind == kind for failure in self.failures)

    def check(self, kind: str, what: str, function: Callable[..., None], *arguments: Any) -> None:
        """Make a check: call a function that raises ``Mismatch`` if it fails."""
        self.made[kind] += 1
        try:
            function(*arguments)
        except Mismatch as wrong:
            self.failures.append(Failure(kind, what, wrong.came, wrong.expected))
        except Exception as error:
            self.failures.append(Failure(kind, what, f"{type(error).__name__}: {error}", "no error"))
