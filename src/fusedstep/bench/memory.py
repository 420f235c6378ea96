"""The memory that is free."""

import os
from pathlib import Path


def free() -> int | None:
    """The bytes that are free, or of the whole machine; None if the system reports neither."""
    reported = Path("/proc/meminfo")
    if reported.exists():
        for line in reported.read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
