"""The report of ``fusedstep verify``, as text and as JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from .bounds import UNITS
from .outcome import KINDS, Outcome

NEAR = "~"


@dataclass(frozen=True)
class Report:
    """A run.

    Attributes:
        machine: the machine's description.
        versions: the packages' versions.
        types: the checked storage types.
        left_out: the other storage types, and why they could not be checked.
        threads: the numbers of threads.
        seconds: the duration.
        outcomes: the outcome of every operator.
    """

    machine: dict[str, Any]
    versions: dict[str, str | None]
    types: tuple[str, ...]
    left_out: dict[str, str]
    threads: tuple[int, ...]
    seconds: float
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Whether all operators passed."""
        return all(outcome.passed for outcome in self.outcomes)

    def as_json(self) -> str:
        """The whole report as JSON."""
        content = {"passed": self.passed, **asdict(self)}
        for outcome, each in zip(self.outcomes, content["outcomes"], strict=True):
            each["passed"] = outcome.passed
        return json.dumps(content, indent=1) + "\n"

    def as_text(self) -> str:
        """The table, its summary, and every failure in full."""
        return "\n".join([*self.heading(), "", *self.table(), "", *self.summary(), *self.failures()])

    def heading(self) -> Iterator[str]:
        """The versions, the machine and the types."""
        known = ", ".join(f"{name} {version}" for name, version in self.versions.items() if version)
        yield f"{known}; {self.machine['cpu']}, {self.machine['cores']} CPUs"
        yield f"in {', '.join(self.types)}, each on {', '.join(map(str, self.threads))} threads"
        for name, why in self.left_out.items():
            yield f"{name} is left out: {why}"

    def table(self) -> Iterator[str]:
        """A line for each operator: passed checks, of all checks."""
        column = max(len(outcome.name) for outcome in self.outcomes)
        yield " ".join([f"{'operator':{column}}", *(f"{kind:>11}" for kind in KINDS)])
        for outcome in self.outcomes:
            counts = [f"{passed(outcome, kind):>11}" for kind in KINDS]
            mark = NEAR if outcome.near else " "
            verdict = outcome.ended or ("" if outcome.passed else "FAILED")
            yield " ".join([f"{outcome.name:{column}}", *counts, mark, verdict]).rstrip()

    def summary(self) -> Iterator[str]:
        """The totals of all lines."""
        made = sum(sum(outcome.made.values()) for outcome in self.outcomes)
        wrong = sum(len(outcome.failures) for outcome in self.outcomes)
        if any(outcome.near for outcome in self.outcomes):
            yield f"{NEAR} in some types not bit for bit, but within {UNITS} units in the last place"
        failed = sum(not outcome.passed for outcome in self.outcomes)
        yield (
            f"{len(self.outcomes)} operator{'s' * (len(self.outcomes) != 1)}, {made:,} checks in {self.seconds:.0f} s: "
            + (f"{failed} operators failed, {wrong:,} checks" if failed else "all passed")
        )

    def failures(self) -> Iterator[str]:
        """Every failure in full."""
        for outcome in self.outcomes:
            if outcome.ended:
                yield f"\n{outcome.name} {outcome.ended}"
            for failure in outcome.failures:
                yield f"\n{outcome.name}, {failure.kind}: {failure.check}"
                yield f"  came      {failure.came}"
                yield f"  expected  {failure.expected}"


def passed(outcome: Outcome, kind: str) -> str:
    """Passed checks of a kind, of all of them; a dash if there are none."""
    made = outcome.made[kind]
    return f"{made - outcome.failed(kind)}/{made}" if made else "-"
