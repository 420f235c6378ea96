"""What comes of a run, and how it is kept."""

import json
import math
import re
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

STREAMING = "streaming"


@dataclass(frozen=True)
class Timing:
    """The times of one contender.

    Attributes:
        label: the contender.
        library: the library that it comes from.
        seconds: the time of each step; none where it failed, and a note says why.
        least_bytes: what the step must move at least; None where memory is not what limits it.
    """

    label: str
    library: str
    seconds: tuple[float, ...]
    least_bytes: int | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else math.nan

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third."""
        if len(self.seconds) < 2:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high

    @property
    def bandwidth(self) -> float | None:
        """Of the bytes that must move, how many do in a second."""
        return self.least_bytes / self.median if self.least_bytes and self.seconds else None


@dataclass(frozen=True)
class Result:
    """What came of one work at one size.

    Attributes:
        work: the work's name.
        title: what it is.
        size: how large it was.
        timings: each contender's times, the one first that others are compared with.
        swept: what is varied between this result and others of the work; "" where nothing is.
    """

    work: str
    title: str
    size: Mapping[str, Any]
    timings: tuple[Timing, ...]
    swept: str = ""

    @property
    def streaming(self) -> Timing | None:
        """The machine itself."""
        return next((timing for timing in self.timings if timing.library == STREAMING), None)

    @property
    def contenders(self) -> list[Timing]:
        """All others."""
        return [timing for timing in self.timings if timing.library != STREAMING]

    def fraction(self, timing: Timing) -> float | None:
        """Which part of the machine's own bandwidth a contender reaches."""
        own, streamed = timing.bandwidth, self.streaming
        return own / streamed.bandwidth if own and streamed and streamed.bandwidth else None

    def to_first(self, timing: Timing) -> float:
        """How many times as long as the first contender another takes."""
        return timing.median / self.timings[0].median


@dataclass(frozen=True)
class Report:
    """A run.

    Attributes:
        machine: what was measured on; with a GPU, on that.
        versions: of what.
        date: when.
        threads: on how many threads; 0 on a GPU.
        rounds: how often each was timed.
        results: what came of it.
        notes: what a reader should know beside.
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
    def measured_on(self) -> str:
        """The CPU and its cores, or the GPU.

        >>> Report({"cpu": "AMD EPYC (Zen 4)", "cores": 2}, {}, "", 2, 1, ()).measured_on
        'AMD EPYC (Zen 4), 2 cores'
        """
        machine = self.machine
        return str(machine["gpu"]) if machine.get("gpu") else f"{machine['cpu']}, {machine['cores']} cores"

    def as_json(self) -> str:
        """Everything, for a program to read."""
        return json.dumps(asdict(self), indent=1) + "\n"


def from_json(text: str) -> Report:
    """What ``Report.as_json`` wrote."""
    content = json.loads(text)
    results = tuple(
        Result(**{**result, "timings": tuple(map(timing_from, result["timings"]))}) for result in content["results"]
    )
    return Report(**{**content, "results": results, "notes": tuple(content["notes"])})


def timing_from(content: dict[str, Any]) -> Timing:
    """A timing that was written as JSON."""
    return Timing(**{**content, "seconds": tuple(content["seconds"])})


def save(report: Report, folder: Path) -> Path:
    """Keeps a report in its machine's file, and returns the file.

    Works that the file has and this run has not stay, where the same versions were measured in the same way.
    """
    file = folder / f"{slug(report)}.json"
    if file.exists():
        kept = from_json(file.read_text(encoding="utf-8"))
        if alike(kept, report):
            measured = {(result.work, result.swept) for result in report.results}
            others = [result for result in kept.results if (result.work, result.swept) not in measured]
            report = replace(report, results=(*others, *report.results))
    file.write_text(report.as_json(), encoding="utf-8")
    return file


def alike(one: Report, other: Report) -> bool:
    """Whether two runs can stand in one file."""
    return all(getattr(one, name) == getattr(other, name) for name in ("machine", "versions", "threads", "rounds"))


def slug(report: Report) -> str:
    """The name of a machine's file.

    >>> slug(Report({"cpu": "AMD EPYC (Zen 4)", "cores": 2}, {}, "", 2, 1, ()))
    'amd-epyc-zen-4-2-cores'
    """
    words = f"{report.measured_on}{' quick' * report.quick}"
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
