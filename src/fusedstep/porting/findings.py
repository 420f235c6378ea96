"""What is said about a program: one finding for each use, and what they say together."""

from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property


class Way(Enum):
    """A way to run a program on fusedstep: without MindSpore, or with its parameters and all else of it."""

    ALONE = "alone"
    BESIDE = "beside"


class Verdict(Enum):
    """What becomes of a use; ``CHECK`` is a setting and ``UNKNOWN`` a name that only the run tells."""

    SERVED = "served"
    CHECK = "check"
    UNKNOWN = "unknown"
    NOT_SERVED = "not served"


class Kind(Enum):
    """What a name is. ``SUPPORT`` is what the others need, as a tensor; ``OTHER`` a feature of MindSpore alone.

    ``ATTRIBUTE`` is one of an optimizer that fusedstep serves.
    """

    OPERATOR = "operator"
    OPTIMIZER = "optimizer"
    SCHEDULE = "schedule"
    SUPPORT = "support"
    SETTING = "setting"
    ATTRIBUTE = "attribute"
    OTHER = "other"


ANY_WAY: frozenset[Way] = frozenset(Way)
NO_WAY: frozenset[Way] = frozenset()
OPTIMIZER_PART = (Kind.OPERATOR, Kind.OPTIMIZER, Kind.SCHEDULE)


@dataclass(frozen=True)
class Finding:
    """What is said about one use.

    Attributes:
        file, line, column, text, name: where it stands, what is written there, and the full name.
        kind, verdict: what it is, and what becomes of it.
        path: its full name in ``fusedstep.mindspore``, if it is served.
        reason, remedy: why not, and what to do.
        closes: the ways that are closed by it.
        named: the arguments that a call names.
    """

    file: str
    line: int
    column: int
    text: str
    name: str
    kind: Kind
    verdict: Verdict
    path: str = ""
    reason: str = ""
    remedy: str = ""
    closes: frozenset[Way] = NO_WAY
    named: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The last part of what it becomes."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True)
class Judgement:
    """What is said about the files of one program.

    Attributes:
        files: their names.
        findings: what is said of each use, in order.
        unread: files that these import, that name MindSpore, and that were not read.
    """

    files: list[str]
    findings: list[Finding]
    unread: list[str]

    @property
    def has_optimizer_part(self) -> bool:
        """Whether there is something to serve."""
        return any(each.kind in OPTIMIZER_PART for each in self.findings)

    @property
    def ways(self) -> list[Way]:
        """The ways that are open."""
        closed = NO_WAY.union(*(each.closes for each in self.findings))
        return [way for way in Way if way not in closed]

    @cached_property
    def way(self) -> Way:
        """The way that is described: without MindSpore, unless the program needs what is MindSpore's alone."""
        return Way.BESIDE if any(each.closes == {Way.ALONE} for each in self.findings) else Way.ALONE

    @property
    def is_complete(self) -> bool:
        """Whether everything of the optimizer part is served."""
        return not self.has_optimizer_part or bool(self.ways)

    @property
    def rows(self) -> list[Finding]:
        """What concerns the optimizer part in that way. Beside MindSpore, what optimizers need stays its own."""
        kinds = [*OPTIMIZER_PART, Kind.SETTING, *([Kind.SUPPORT] if self.way is Way.ALONE else [])]
        found = [each for each in self.findings if each.kind in kinds] if self.has_optimizer_part else []
        return [self.told(each) for each in found]

    def told(self, finding: Finding) -> Finding:
        """A finding as it is told: what speaks against the other way alone is there to check."""
        if self.way is Way.ALONE and finding.kind is Kind.SETTING and Way.ALONE not in finding.closes:
            return replace(finding, verdict=Verdict.CHECK, reason=f"This counts beside MindSpore: {finding.reason}")
        return finding

    @property
    def staying(self) -> list[str]:
        """The names of what stays MindSpore's, one for each use."""
        kinds = [Kind.OTHER] if self.way is Way.ALONE else [Kind.OTHER, Kind.SUPPORT]
        return [each.name.partition(".")[2] for each in self.findings if each.kind in kinds]

    @property
    def hindrances(self) -> list[Finding]:
        """What fusedstep lacks of what optimizers need."""
        kinds = (Kind.SUPPORT, Kind.ATTRIBUTE)
        return [each for each in self.findings if each.kind in kinds and each.verdict is Verdict.NOT_SERVED]

    @property
    def obstacles(self) -> list[Finding]:
        """The settings that decide whether the program runs beside MindSpore."""
        return [each for each in self.findings if each.kind is Kind.SETTING]

    def becomes(self, finding: Finding) -> str:
        """What a use becomes. Beside MindSpore its tensors go to ``fusedstep.ops``, and its schedules stay."""
        if not finding.path or self.way is Way.ALONE:
            return finding.path
        return {Kind.OPERATOR: f"fusedstep.ops.{finding.short}", Kind.SCHEDULE: finding.name}.get(
            finding.kind, finding.path
        )
