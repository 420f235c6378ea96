"""Results in files, one for each machine."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from fusedstep.bench.results import Report, Result, Timing

RESULTS = Path(__file__).parent / "results"


def from_json(text: str) -> Report:
    """Read the text that ``Report.as_json`` returned."""
    content = json.loads(text)
    results = tuple(
        Result(**{**result, "timings": tuple(map(timing_from, result["timings"]))}) for result in content["results"]
    )
    return Report(**{**content, "results": results, "notes": tuple(content["notes"])})


def timing_from(content: dict[str, Any]) -> Timing:
    """Read a timing from JSON."""
    lists = {name: tuple(value) for name, value in content.items() if isinstance(value, list)}
    phases = {name: tuple(seconds) for name, seconds in content.get("phases", {}).items()}
    return Timing(**{**content, **lists, "phases": phases})


def save(report: Report, folder: Path) -> Path:
    """Write a report to its machine's file; return the file.

    Works that are only in the file stay, if versions and settings are the same.
    """
    file = folder / f"{slug(report)}.json"
    if file.exists():
        earlier = from_json(file.read_text(encoding="utf-8"))
        if alike(earlier, report):
            measured = {(result.work, result.swept) for result in report.results}
            others = [result for result in earlier.results if (result.work, result.swept) not in measured]
            report = replace(report, results=(*others, *report.results))
    file.write_text(report.as_json(), encoding="utf-8")
    return file


def alike(one: Report, other: Report) -> bool:
    """Whether two runs fit in one file."""
    return all(getattr(one, name) == getattr(other, name) for name in ("machine", "versions", "threads", "rounds"))


def slug(report: Report) -> str:
    """The name of a machine's file."""
    words = f"{measured_on(report)}{' quick' * report.quick}"
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def measured_on(report: Report) -> str:
    """The CPU and its cores, or the GPU."""
    machine = report.machine
    return str(machine["gpu"]) if machine.get("gpu") else f"{machine['cpu']}, {machine['cores']} cores"
