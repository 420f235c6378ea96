"""How many CPUs the process may use: those that it may run on, or the time that its container grants."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# Where Linux shows the control groups that limit a container, and which of them this process is in.
CONTROL_GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cpus() -> int:
    """How many CPUs this process may use."""
    # From Python 3.13 on `PYTHON_CPU_COUNT` and `-X cpu_count` may set it.
    count = getattr(os, "process_cpu_count", allowed_cpus)() or 1
    quota = cpu_quota()
    # Part of a CPU's time is still worth a thread; more threads than that are stopped in the midst of their work.
    return count if quota is None else max(1, min(count, math.ceil(quota)))


def allowed_cpus() -> int:
    """How many CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota(groups: Path = CONTROL_GROUPS, membership: Path = MEMBERSHIP) -> float | None:
    """The least of the limits that control groups set, in CPUs; None where there is none, or none that can be read."""
    try:
        lines = membership.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    limits = [limit for folder in folders(groups, lines) if (limit := limit_of(folder)) is not None]
    return min(limits, default=None)


def folders(groups: Path, lines: list[str]) -> Iterator[Path]:
    """The folders of the groups that the process is in, and of those above them, as far as they are seen from here."""
    for line in lines:
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            # Version 2 has one tree; beside version 1 it lies in a folder of its own.
            roots = [groups, groups / "unified"]
        elif "cpu" in controllers.split(","):
            roots = [groups / controllers, groups / "cpu"]
        else:
            continue
        # A container may see its own group as the root, though the path tells where it is outside.
        place = PurePosixPath(path.lstrip("/"))
        for root in roots:
            for each in (place, *place.parents):
                if ".." not in each.parts:
                    yield root / each


def limit_of(folder: Path) -> float | None:
    """The limit that one group sets, in CPUs."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        limit = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        # "max", -1, a file of another system, or none: no limit.
        return None
    return limit if limit > 0 else None
