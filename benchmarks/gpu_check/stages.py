"""A stage: a process of its own that is given some time, and what came of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from benchmarks.saved import from_json

from fusedstep.bench import tables
from fusedstep.runtime.cpu.cpus import usable_cpus

from .recording import LOST, lines
from .selection import FILES, FIRST, MARKED

ROOT = Path(__file__).parent.parent.parent
OUTCOMES = ("passed", "failed", "skipped", "not reached")
# pytest's exit statuses of runs in which it was no test, but pytest itself, that failed.
BROKEN = (2, 3, 4)
SHOWN = 20
# Each has a context on the GPU.
PROCESSES = 16
# A test that hangs ends its process, and is named.
HANGING = ["-o", "faulthandler_timeout=90", "-o", "faulthandler_exit_on_timeout=true"]
INTERRUPTED = "interrupted"


@dataclass
class Outcome:
    """What came of a stage.

    Attributes:
        name: what its files are called.
        title: what it does.
        allowed: how many seconds it was given.
        seconds: how many it took.
        ended: how its process ended, where that was not by itself.
        counts: how many tests or works came to what.
        failures: what failed, and why.
        not_reached: what there was no time for.
        running: of that, what was begun.
        table: what is printed.
        content: everything, as it is kept.
    """

    name: str
    title: str
    allowed: float
    seconds: float = 0.0
    ended: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    not_reached: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    table: list[str] = field(default_factory=list)
    content: Any = None

    @property
    def passed(self) -> bool:
        """Whether nothing failed; what was not reached has not."""
        return not self.failures and (not self.ended or self.ended.startswith(("stopped", INTERRUPTED)))

    def line(self) -> str:
        """The stage in one line."""
        counted = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        ended = f"; {self.ended}" if self.ended else ""
        return f"{self.title}: {counted or 'nothing came of it'} in {self.seconds:.0f} s{ended}"

    def as_dict(self) -> dict[str, Any]:
        """Everything but the table."""
        return {key: value for key, value in vars(self).items() if key != "table"} | {"passed": self.passed}


@dataclass(frozen=True)
class Stage:
    """What is run, and how its record is read.

    Attributes:
        name: what its files are called.
        title: what it does.
        share: which part of the whole time it is given; what earlier stages left is the last one's.
        command: the arguments of Python, for a folder and a number of seconds.
        read: takes what was recorded into an outcome.
    """

    name: str
    title: str
    share: float
    command: Callable[[Path, float], list[str]]
    read: Callable[[Path, Outcome], None]

    def run(self, folder: Path, seconds: float) -> Outcome:
        """Runs it for so many seconds at most; what it prints is kept beside its record."""
        outcome, began = Outcome(self.name, self.title, seconds), time.monotonic()
        log, status, left = folder / f"{self.name}.log", LOST, seconds
        try:
            with log.open("w", encoding="utf-8") as file:
                while status == LOST and left > 0:
                    status = run_for(left, [sys.executable, *self.command(folder, left)], file)
                    left = began + seconds - time.monotonic()
        except KeyboardInterrupt:
            outcome.ended, status = INTERRUPTED, None
        outcome.seconds = time.monotonic() - began
        if status in (None, LOST) and not outcome.ended:
            outcome.ended, status = f"stopped after {seconds:.0f} s", None
        self.read(folder, outcome)
        if status and (status in BROKEN or not outcome.failures):
            outcome.ended = f"ended with status {status}"
            outcome.failures[self.name] = "\n".join(log.read_text(encoding="utf-8").splitlines()[-SHOWN:])
        text = json.dumps(outcome.as_dict(), indent=1)
        (folder / f"{self.name}.json").write_text(text + "\n", encoding="utf-8")
        return outcome


def run_for(seconds: float, command: Sequence[str], log: Any) -> int | None:
    """A command's exit status; None where it was ended, with all that it started, since time was up."""
    paths = os.pathsep.join(filter(None, [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, env=environment, start_new_session=True
    )
    try:
        return process.wait(max(seconds, 0.0))
    except subprocess.TimeoutExpired:
        return None
    finally:
        end_group(process.pid)
        # One that hangs in a driver cannot be ended, and is left.
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


def end_group(leader: int) -> None:
    """Ends a process and all that it started: what is left over would be timed in the next stage."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def record_of(name: str, folder: Path) -> Path:
    """The file that a stage writes to as it goes."""
    return folder / f"{name}.record"


def tests(name: str, chosen: Sequence[str], earlier: str | None, folder: Path, seconds: float) -> list[str]:
    """pytest on some tests, on all CPUs: most of the time goes into compiling kernels."""
    options = ["-m", "pytest", "-p", "no:cacheprovider", "-p", "benchmarks.gpu_check.recording"]
    options += ["-m", MARKED, "-n", str(min(usable_cpus(), PROCESSES)), "--maxschedchunk", "1", "-q", "--tb", "short"]
    options += HANGING if pytest.version_tuple >= (9,) else []
    options += ["--record", str(record_of(name, folder))]
    options += ["--leave-out", str(record_of(earlier, folder))] if earlier else []
    return [*options, *chosen]


def read_tests(name: str, folder: Path, outcome: Outcome) -> None:
    """What each test came to; one that failed in any part has failed."""
    collected: list[str] = []
    found: dict[str, dict[str, Any]] = {}
    for line in lines(record_of(name, folder)):
        collected += line.get("collected", [])
        test = line.get("test")
        if test and not (test in found and found[test]["outcome"] == "failed"):
            found[test] = line
    started = {line["started"] for line in lines(record_of(name, folder)) if "started" in line}
    outcome.running = [each for each in collected if each in started and each not in found]
    outcome.not_reached = [each for each in collected if each not in found]
    outcome.failures = {key: each["why"] for key, each in found.items() if each["outcome"] == "failed"}
    outcome.content = list(found.values())
    by_function: dict[str, Counter[str]] = {}
    for test in dict.fromkeys([*collected, *found]):
        function = test.removeprefix("tests/").partition("[")[0]
        kind = found[test]["outcome"] if test in found else OUTCOMES[-1]
        by_function.setdefault(function, Counter())[kind] += 1
    whole = sum(by_function.values(), Counter())
    outcome.counts = {kind: whole[kind] for kind in OUTCOMES} if whole else {}
    outcome.table = list(rows_of(by_function))


def rows_of(by_function: dict[str, Counter[str]]) -> Iterator[str]:
    """A table of tests."""
    width = max(map(len, by_function), default=0)
    yield f"{'':{width}}" + "".join(f"{kind:>13}" for kind in OUTCOMES)
    for function, counts in by_function.items():
        yield f"{function:{width}}" + "".join(f"{counts[kind] or '':>13}" for kind in OUTCOMES)


def speed(folder: Path, seconds: float) -> list[str]:
    """The works, one after another."""
    # A work that is begun is to be finished.
    return ["-m", "benchmarks.gpu_check.speed", "--record", str(record_of("speed", folder)), "--seconds", str(seconds)]


def read_speed(folder: Path, outcome: Outcome) -> None:
    """Each work's times."""
    from benchmarks.gpu.works import NAMES

    file = record_of("speed", folder)
    if not file.exists():
        outcome.not_reached = NAMES
        return
    report = from_json(file.read_text(encoding="utf-8"))
    outcome.content = json.loads(report.as_json())
    outcome.not_reached = [name for name in NAMES if name not in {each.work for each in report.results}]
    outcome.failures = {
        f"{each.work}: {timing.label}": next(
            (note for note in report.notes if note.startswith(f"{each.work}: {timing.label} failed")), ""
        )
        for each in report.results
        for timing in each.timings
        if not timing.seconds
    }
    outcome.counts = {
        "works measured": len(report.results),
        "contenders failed": len(outcome.failures),
        "works not reached": len(outcome.not_reached),
    }
    outcome.table = [tables.single(result) for result in report.results]


STAGES = (
    Stage(
        "results",
        "results beside the CPU's",
        0.2,
        partial(tests, "results", FIRST, None),
        partial(read_tests, "results"),
    ),
    Stage("speed", "speed", 0.4, speed, read_speed),
    Stage(
        "tests",
        "the other marked tests",
        1.0,
        partial(tests, "tests", FILES, "results"),
        partial(read_tests, "tests"),
    ),
)
