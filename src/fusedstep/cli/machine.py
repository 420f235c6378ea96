"""The machine and the versions of a measurement."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from ..runtime.cpu.cpus import usable_cpus

PACKAGES = ("fusedstep", "numpy", "numba", "torch")


def description() -> dict[str, Any]:
    """The versions and the machine, for a result in JSON."""
    return {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "machine": {
            "cpu": cpu_name(),
            "cores": usable_cpus(),
            "memory_gb": memory_size(),
            "system": platform.system(),
            "release": platform.release(),
        },
    }


def version(package: str) -> str | None:
    """A package's version; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu_name() -> str:
    """The CPU's model if the system reports it, else its architecture."""
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        for line in cpus.read_text(encoding="utf-8", errors="replace").splitlines():
            field, _, value = line.partition(":")
            if field.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def memory_size() -> float | None:
    """The memory in gigabytes; None if the system does not report it."""
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None
