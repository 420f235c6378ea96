"""Measures works on the CPU."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace

from . import memory
from .catalogue.contenders import STREAMED
from .processes import Processes
from .race import Advance, Pace, Race
from .results import Result
from .works import Contender, Moves, Work

# The sizes of a sweep. One varies at a time; the others are the work's.
SWEEPS = {
    "rows": (1_000, 10_000, 100_000, 1_000_000, 4_000_000),
    "batch": (64, 1_024, 16_384, 65_536, 262_144, 1_000_000),
    "width": (1, 4, 10, 16, 64, 200),
}
GIGABYTE = 1e9


@dataclass(frozen=True)
class Case:
    """A work at one size, and the size that varies in a sweep, or ""."""

    work: Work
    swept: str = ""


def cases(works: Iterable[Work], quick: bool, sweep: bool) -> list[Case]:
    """All cases of some works."""
    found = []
    for work in works:
        found.append(Case(work.quick() if quick else work))
        if sweep and work.sweep:
            found += [Case(each.quick() if quick else each, name) for name, each in swept(work)]
    return found


def swept(work: Work) -> Iterator[tuple[str, Work]]:
    """A work at the sizes of all sweeps, and which size varies."""
    for name, values in SWEEPS.items():
        for value in values:
            yield name, work.sized(**{name: value})


def steps(case: Case, processes: Processes, pace: Pace) -> int:
    """The number of steps that a race reports if no library ends."""
    available = [each for each in case.work.contenders if each.library.name in processes.pythons]
    return pace.rounds * (len(available) + bool(case.work.states))


def streaming(moves: Moves) -> Contender:
    """A loop that moves as many bytes as a work."""
    return Contender("streaming the same memory", STREAMED, "stream", asdict(moves))


def measure(case: Case, processes: Processes, pace: Pace, advance: Advance) -> Result | None:
    """Measure a case; None if that is not possible, with a note that says why."""
    work = case.work
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
        advance(f"{work.name}: skipped", steps(case, processes, pace))
        return None
    moves = work.moves()
    contenders = [*work.contenders, *([streaming(moves)] if moves else [])]
    race = Race(work, [each for each in contenders if processes.can_run(each)], processes, pace, advance)
    *_, result = race.run()
    processes.notes += race.notes
    processes.forget()
    return replace(result, swept=case.swept)


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
