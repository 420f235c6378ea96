"""Works whose steps are those of training: phases that are timed one by one, page faults and losses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from .libraries.data import lengths
from .race import Advance, Course, Pace, Race
from .results import Timing
from .works import ITEM, Contender, Moves, Work

# A table and the two states that most optimizers keep for it.
ARRAYS = 3


@dataclass(frozen=True)
class TrainingWork(Work):
    """A program's training. Each contender runs in a process of its own, since what one frees another would use."""

    def moves(self, item: int = ITEM) -> Moves | None:
        """None: a program does more than to move memory."""
        return None

    def quick(self) -> Work:
        """The same work at a tiny size, where contenders of a library share a process: their memory does not matter."""
        contenders = (replace(each, library=replace(each.library, part="")) for each in self.contenders)
        return replace(super().quick(), contenders=tuple(contenders))

    def bytes_needed(self) -> int:
        """About how much memory all contenders need together."""
        return len(self.contenders) * ARRAYS * sum(lengths(self.size)) * self.size.width * ITEM


@dataclass(frozen=True)
class Trained:
    """What was measured in one step of training.

    Attributes:
        seconds: the seconds of each phase, by its name.
        faults: the pages that the system gave the process in all phases.
        loss: the loss of the forward pass.
    """

    seconds: Mapping[str, float]
    faults: int
    loss: float


class TrainingCourse(Course, Protocol):
    """Where steps of training run."""

    def train(self, contender: Contender) -> Trained:
        """Take a contender's next step of training, or raise FailedError."""


class TrainingRace(Race):
    """The race of a program's contenders, which take one whole step in turn."""

    course: TrainingCourse

    def __init__(
        self, work: Work, contenders: Sequence[Contender], course: TrainingCourse, pace: Pace, advance: Advance
    ) -> None:
        super().__init__(work, contenders, course, pace, advance)
        self.trained: dict[str, list[Trained]] = {each.label: [] for each in contenders}

    def take(self, contender: Contender) -> float:
        """Take a contender's next step; return its time."""
        trained = self.course.train(contender)
        self.trained[contender.label].append(trained)
        return sum(trained.seconds.values())

    def timing(self, contender: Contender) -> Timing:
        """The times of a contender and of its phases; its losses are those of all steps, counted or not."""
        timing = super().timing(contender)
        if not timing.seconds:
            return timing
        trained = self.trained[contender.label]
        counted = trained[-len(timing.seconds) :]
        found: dict[str, Any] = {
            "phases": {name: tuple(each.seconds[name] for each in counted) for name in counted[0].seconds},
            "faults": tuple(each.faults for each in counted),
            "losses": tuple(each.loss for each in trained),
        }
        return replace(timing, **found, like=contender.like)
