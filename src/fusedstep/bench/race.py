"""The race of a work's contenders, on the CPU and on devices: they take one step each in turn."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from .results import Result, Timing
from .works import Contender, Work

# Quartiles need at least so many times.
FEWEST = 5

# Receives the label of the running contender, and the number of steps since the last call.
Advance = Callable[[str, int], None]


class FailedError(Exception):
    """A contender cannot prepare or take its steps."""


class Course(Protocol):
    """Where steps run and how they are timed: in processes on the CPU, or on a device."""

    def prepare(self, work: Work, contender: Contender) -> None:
        """Prepare a contender's steps, or raise FailedError."""

    def seconds(self, work: Work, contender: Contender) -> float:
        """Take a contender's next step; return its time, or raise FailedError."""

    def can_run(self, contender: Contender) -> bool:
        """Whether the contender's process, or the device, still works."""


@dataclass(frozen=True)
class Pace:
    """How often contenders are timed.

    Attributes:
        rounds: the number of times that each contender is timed.
        pause: the seconds between two steps: the threads of some libraries spin on after their work.
        warm_up: the number of steps before, which are not counted.
        limit: a contender rests after so many seconds, once it was timed ``FEWEST`` times.
        end: no contender is prepared after this time of ``time.monotonic()``.
    """

    rounds: int
    pause: float = 0.0
    warm_up: int = 2
    limit: float = 8.0
    end: float = math.inf


class Race:
    """The race of a work.

    Args:
        work: the work.
        contenders: those that take part; the first is the one that others are compared with.
        course: where they run.
        pace: how often.
        advance: called after each step.

    Attributes:
        times: the seconds of each contender's steps, by its label; empty if the contender failed.
        notes: why contenders failed.
        ready: the contenders whose steps are prepared.
    """

    def __init__(
        self, work: Work, contenders: Sequence[Contender], course: Course, pace: Pace, advance: Advance
    ) -> None:
        self.work, self.contenders, self.course, self.pace, self.advance = work, contenders, course, pace, advance
        self.times: dict[str, list[float]] = {each.label: [] for each in contenders}
        self.notes: list[str] = []
        self.ready: list[Contender] = []

    def run(self) -> Iterator[Result]:
        """Time every contender; yield the result so far, without the slow contenders and then with them."""
        timed: list[Contender] = []
        for slow in (False, True):
            heat = [each for each in self.contenders if each.slow == slow]
            for each in heat:
                self.advance(f"{self.work.name}: preparing {each.label}", 0)
                if time.monotonic() < self.pace.end:
                    self.attempt(each, self.prepare)
            for _ in range(self.pace.rounds):
                for each in heat:
                    if each in self.ready and not self.rests(each):
                        time.sleep(self.pace.pause)
                        self.attempt(each, self.step)
                    self.advance(f"{self.work.name}: {each.label}", 1)
            timed += heat
            if heat:
                yield self.result([each for each in self.contenders if each in timed])

    def prepare(self, contender: Contender) -> None:
        """Prepare a contender's steps, and take some that are not counted."""
        self.course.prepare(self.work, contender)
        for _ in range(self.pace.warm_up):
            self.take(contender)
        self.ready.append(contender)

    def step(self, contender: Contender) -> None:
        """Time a contender once."""
        self.times[contender.label].append(self.take(contender))

    def take(self, contender: Contender) -> float:
        """Take a contender's next step; return its time."""
        return self.course.seconds(self.work, contender)

    def rests(self, contender: Contender) -> bool:
        """Whether a contender has taken the time that it may take."""
        times = self.times[contender.label]
        return len(times) >= FEWEST and sum(times) * self.work.repeat * self.work.parts > self.pace.limit

    def attempt(self, contender: Contender, do: Callable[[Contender], None]) -> None:
        """Let a contender do something. If it fails it leaves the race, and with it all that can no longer run."""
        if not self.course.can_run(contender):
            return
        try:
            do(contender)
        except FailedError as error:
            self.notes.append(f"{self.work.name}: {contender.label} failed: {error}")
            self.times[contender.label].clear()
            self.ready = [each for each in self.ready if each != contender and self.course.can_run(each)]

    def result(self, contenders: Sequence[Contender]) -> Result:
        """The times of some contenders."""
        timings = tuple(map(self.timing, contenders))
        return Result(self.work.name, self.work.title, asdict(self.work.size), timings, self.work.swept)

    def timing(self, contender: Contender) -> Timing:
        """The times of a contender."""
        least_bytes = self.work.least_bytes(contender)
        return Timing(contender.label, contender.library.name, tuple(self.times[contender.label]), least_bytes)
