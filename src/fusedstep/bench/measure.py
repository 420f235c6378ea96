"""Measures works on the CPU."""

from dataclasses import asdict

from . import memory
from .catalogue.contenders import STREAMED
from .losses import differing
from .processes import Processes
from .race import Advance, Pace, Race
from .results import Result
from .training import TrainingRace, TrainingWork
from .works import Contender, Moves, Work

GIGABYTE = 1e9


def steps(work: Work, processes: Processes, pace: Pace) -> int:
    """The number of steps that a race reports if no library ends."""
    available = [each for each in work.contenders if each.library.name in processes.pythons]
    return pace.rounds * (len(available) + bool(work.states))


def streaming(moves: Moves) -> Contender:
    """A loop that moves as many bytes as a work."""
    return Contender("streaming the same memory", STREAMED, "stream", asdict(moves))


def measure(work: Work, processes: Processes, pace: Pace, advance: Advance) -> Result | None:
    """Measure a work; None if that is not possible, with a note that says why."""
    advance(f"{work.name}: preparing", 0)
    libraries = dict.fromkeys([*(each.library for each in work.contenders), STREAMED])
    processes.start(libraries)
    if short_of_memory(work):
        # Some libraries do not return memory that they once allocated.
        processes.end_all()
        processes.start(libraries)
    reason = unable(work, processes)
    if reason:
        processes.notes.append(f"{work.name} is skipped: {reason}")
        advance(f"{work.name}: skipped", steps(work, processes, pace))
        return None
    moves = work.moves()
    contenders = [*work.contenders, *([streaming(moves)] if moves else [])]
    kind = TrainingRace if isinstance(work, TrainingWork) else Race
    race = kind(work, [each for each in contenders if processes.can_run(each)], processes, pace, advance)
    *_, result = race.run()
    processes.notes += race.notes + differing(result)
    processes.forget()
    return result


def unable(work: Work, processes: Processes) -> str:
    """Why a work cannot be measured; "" if it can."""
    first = work.contenders[0]
    if not processes.can_run(first):
        return f"it needs {first.library.module} in this environment"
    return short_of_memory(work)


def short_of_memory(work: Work) -> str:
    """The memory that a work needs and that is free, if that is too little; else ""."""
    free, needed = memory.free(), work.bytes_needed()
    if free is None or needed <= free:
        return ""
    return f"it needs about {needed / GIGABYTE:.1f} GB of memory, and {free / GIGABYTE:.1f} GB are free"
