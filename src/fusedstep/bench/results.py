"""The results of a run."""

import json
import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

STREAMING = "streaming"


@dataclass(frozen=True)
class Timing:
    """The times of one contender.

    Attributes:
        label: the contender's label.
        library: the name of its library.
        seconds: the time of each step; empty if it failed, and a note says why.
        least_bytes: the least bytes that a step moves; None where memory does not limit it.
        phases: in training, the times of each step's phases, by their names.
        faults: in training, the page faults of each step.
        losses: in training, the loss of every step, those before the timed ones included.
        like: the label of the contender that must have the same losses, or "".
    """

    label: str
    library: str
    seconds: tuple[float, ...]
    least_bytes: int | None = None
    phases: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    faults: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()
    like: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else math.nan

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile."""
        if len(self.seconds) < 2:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high

    @property
    def bandwidth(self) -> float | None:
        """The least bytes by the median time, in bytes a second."""
        return self.least_bytes / self.median if self.least_bytes and self.seconds else None


@dataclass(frozen=True)
class Result:
    """The times of one work at one size.

    Attributes:
        work: the work's name.
        title: its description.
        size: its size.
        timings: each contender's times; others are compared with the first.
        swept: the size that varies in a sweep, or "".
    """

    work: str
    title: str
    size: Mapping[str, Any]
    timings: tuple[Timing, ...]
    swept: str = ""

    @property
    def streaming(self) -> Timing | None:
        """The limit of the machine."""
        return next((timing for timing in self.timings if timing.library == STREAMING), None)

    @property
    def contenders(self) -> list[Timing]:
        """All other contenders."""
        return [timing for timing in self.timings if timing.library != STREAMING]

    @property
    def phases(self) -> list[str]:
        """The names of all phases of training; none where steps are timed as a whole."""
        return list(dict.fromkeys(name for timing in self.timings for name in timing.phases))

    def fraction(self, timing: Timing) -> float | None:
        """The fraction of the machine's bandwidth that a contender reaches."""
        own, streamed = timing.bandwidth, self.streaming
        return own / streamed.bandwidth if own and streamed and streamed.bandwidth else None

    def to_first(self, timing: Timing) -> float:
        """A contender's time divided by the first one's."""
        return timing.median / self.timings[0].median


@dataclass(frozen=True)
class Report:
    """A run.

    Attributes:
        machine: the machine, with its GPU if that was measured.
        versions: the versions of packages and drivers.
        date: the date.
        threads: the number of threads; 0 on a GPU.
        rounds: the number of times that each contender was timed.
        results: the result of each work.
        notes: failures, and other notes.
        quick: whether sizes were tiny, so that times mean little.
    """

    machine: Mapping[str, Any]
    versions: Mapping[str, str | None]
    date: str
    threads: int
    rounds: int
    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()
    quick: bool = False

    @property
    def is_timed(self) -> bool:
        """Whether any step was timed."""
        return any(timing.seconds for result in self.results for timing in result.timings)

    def as_json(self) -> str:
        """The whole report as JSON."""
        return json.dumps(asdict(self), indent=1) + "\n"
