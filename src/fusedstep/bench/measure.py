"""Measures works: contenders take one step each in turn, with a pause between."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from . import memory
from .libraries import LIBRARIES
from .processes import EndedError, FailedError, Team
from .results import STREAMING, Result, Timing
from .works import Contender, Moves, Work

# Sizes that are swept over, one at a time; the others are the work's own.
SWEEPS = {
    "rows": (1_000, 10_000, 100_000, 1_000_000, 4_000_000),
    "batch": (64, 1_024, 16_384, 65_536, 262_144, 1_000_000),
    "width": (1, 4, 10, 16, 64, 200),
}
GIGABYTE = 1e9
# What quartiles are made of.
FEWEST = 5

# Is told whose turn it is, and of so many steps that were taken.
Tell = Callable[[str, int], None]


@dataclass(frozen=True)
class Plan:
    """How it is measured.

    Attributes:
        rounds: how often each contender is timed.
        pause: seconds between two, since the threads of some libraries spin on after their work.
        warm_up: steps before that are not counted.
        seconds: a contender that has taken so many in all rests, once it was timed ``FEWEST`` times.
    """

    rounds: int
    pause: float = 0.1
    warm_up: int = 2
    seconds: float = 8.0


@dataclass(frozen=True)
class Task:
    """A work at one size; what is swept, if anything."""

    work: Work
    swept: str = ""


def tasks(works: Iterable[Work], quick: bool, sweep: bool) -> list[Task]:
    """What is to be measured."""
    found = []
    for work in works:
        found.append(Task(work.quick() if quick else work))
        if sweep and work.sweep:
            found += [Task(each.quick() if quick else each, name) for name, each in swept(work)]
    return found


def swept(work: Work) -> Iterator[tuple[str, Work]]:
    """A work at other sizes, and which of them was changed."""
    for name, values in SWEEPS.items():
        for value in values:
            yield name, work.sized(**{name: value})


def steps(task: Task, team: Team, plan: Plan) -> int:
    """How many steps will be told of, if no contender falls out."""
    there = [each for each in task.work.contenders if each.library in team.pythons]
    return plan.rounds * (len(there) + bool(task.work.states))


def streaming(moves: Moves) -> Contender:
    """The loop that moves as much as a work."""
    return Contender("streaming the same memory", STREAMING, "stream", asdict(moves))


def measure(task: Task, team: Team, plan: Plan, tell: Tell) -> Result | None:
    """Measures a work, telling of each step; None where it cannot be."""
    work = task.work
    tell(f"{work.name}: getting ready", 0)
    team.call({each.library for each in work.contenders} | {STREAMING})
    if short_of_memory(work):
        # Some libraries keep what they once had.
        team.dismiss()
        team.call({each.library for each in work.contenders} | {STREAMING})
    reason = unable(work, team)
    if reason:
        team.notes.append(f"{work.name} is skipped: {reason}")
        tell(f"{work.name}: skipped", steps(task, team, plan))
        return None
    moves = work.moves()
    taking_part = [*work.contenders, *([streaming(moves)] if moves else [])]
    race = Race(work, team, [each for each in taking_part if each.library in team.running])
    race.prepare(plan.warm_up)
    for _ in range(plan.rounds):
        for contender in list(race.contenders):
            if not race.rests(contender, plan.seconds):
                time.sleep(plan.pause)
                race.step(contender)
            tell(f"{work.name}: {contender.label}", 1)
    race.forget()
    timings = tuple(
        Timing(each.label, each.library, tuple(race.times[each.label]), least_bytes(work, each))
        for each in race.contenders
    )
    return Result(work.name, work.title, asdict(work.size), timings, task.swept) if timings else None


def unable(work: Work, team: Team) -> str:
    """Why a work cannot be measured; "" where it can."""
    first = work.contenders[0].library
    if first not in team.running:
        return f"it needs {LIBRARIES[first].module} in this environment"
    return short_of_memory(work)


def short_of_memory(work: Work) -> str:
    """That a work does not fit, in words; "" where it does."""
    free, needed = memory.free(), work.bytes_needed()
    if free is None or needed <= free:
        return ""
    return f"it needs about {needed / GIGABYTE:.1f} GB of memory, and {free / GIGABYTE:.1f} GB are free"


def least_bytes(work: Work, contender: Contender) -> int | None:
    """What a contender must move at least."""
    moves = work.moves(contender.item)
    return moves.total if moves else None


class Race:
    """The contenders of a work that are still in.

    Attributes:
        times: the seconds of each contender's steps, by its label.
    """

    def __init__(self, work: Work, team: Team, contenders: list[Contender]) -> None:
        self.work, self.team, self.contenders = work, team, contenders
        self.times: dict[str, list[float]] = {each.label: [] for each in contenders}

    def prepare(self, warm_up: int) -> None:
        """Gets every contender's steps ready, and takes some that are not counted."""
        for each in list(self.contenders):
            size = asdict(self.work.size)
            self.ask(each, "prepare", label=each.label, call=each.call, size=size, arguments=dict(each.arguments))
        for each in list(self.contenders):
            self.ask(each, "step", label=each.label, repeat=warm_up)

    def step(self, contender: Contender) -> None:
        """Times a contender once."""
        seconds = self.ask(contender, "step", label=contender.label, repeat=self.work.repeat)
        if seconds is not None:
            self.times[contender.label].append(seconds / self.work.parts)

    def rests(self, contender: Contender, limit: float) -> bool:
        """Whether a contender has taken so many seconds that it need take no more."""
        times = self.times[contender.label]
        return len(times) >= FEWEST and sum(times) * self.work.repeat * self.work.parts > limit

    def forget(self) -> None:
        """Has all libraries free their memory."""
        for library, process in list(self.team.running.items()):
            try:
                process.ask("forget")
            except EndedError as error:
                self.team.lose(library, f"{LIBRARIES[library].title} begins anew: its process {error}")

    def ask(self, contender: Contender, do: str, **arguments: Any) -> Any:
        """Has a contender do something; one that cannot is out."""
        if contender not in self.contenders:
            return None
        library = contender.library
        try:
            return self.team.running[library].ask(do, **arguments)
        except FailedError as error:
            self.team.notes.append(f"{self.work.name}: {contender.label} is left out: {error}")
            self.contenders.remove(contender)
        except EndedError as error:
            self.team.lose(library, f"{self.work.name}: {contender.label} is left out: its process {error}")
            # What was ready for the library's other contenders has ended with it.
            self.contenders[:] = [each for each in self.contenders if each.library != library]
