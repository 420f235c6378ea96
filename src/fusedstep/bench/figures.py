"""Figures as text, for tables of every format."""

from collections.abc import Mapping
from typing import Any

from .results import STREAMING, Report, Result, Timing

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
# The figures of a contender.
COLUMNS = ("median", "quartiles", "GB/s", "of limit", "to first")
FAILED = "failed"
LEGEND = (
    "GB/s: the least bytes that the work must move, divided by the time. Of limit: divided by that of a bare loop over "
    "as much memory, or on a GPU of a large copy, in the same run. To first: the time divided by the first line's."
)


def cells(result: Result, timing: Timing) -> tuple[str, ...]:
    """A contender's figures, one in each column."""
    if not timing.seconds:
        return (FAILED, *[""] * (len(COLUMNS) - 1))
    low, high = timing.quartiles
    bandwidth, fraction = timing.bandwidth, result.fraction(timing)
    first = timing is result.timings[0] or timing.library == STREAMING or not result.timings[0].seconds
    return (
        duration(timing.median),
        spread(low, high),
        gigabytes(bandwidth) if bandwidth else "",
        percent(fraction) if fraction and timing.library != STREAMING else "",
        "" if first else f"{result.to_first(timing):.2f} x",
    )


def gigabytes(count: float) -> str:
    """A number of bytes in gigabytes.

    >>> gigabytes(3.35e10), gigabytes(2e6)
    ('33.5', '<0.01')
    """
    return three_digits(count / 1e9) if count >= 1e7 else "<0.01"


def percent(fraction: float) -> str:
    """A fraction as a percentage; never 0%.

    >>> percent(0.784), percent(0.0012)
    ('78%', '<1%')
    """
    return f"{fraction:.0%}" if fraction >= 0.01 else "<1%"


def unit(seconds: float) -> tuple[float, str]:
    """The unit that suits a time."""
    return next((each for each in UNITS if seconds >= each[0]), UNITS[-1])


def duration(seconds: float) -> str:
    """A time.

    >>> duration(0.0342), duration(2.34e-05), duration(123.0)
    ('34.2 ms', '23.4 µs', '123 s')
    """
    scale, name = unit(seconds)
    return f"{three_digits(seconds / scale)} {name}"


def spread(low: float, high: float, scale: float = 0.0) -> str:
    """Two times in the unit of the first, or in units of ``scale`` seconds.

    >>> spread(0.0331, 0.0358)
    '33.1 to 35.8'
    """
    scale = scale or unit(low)[0]
    return f"{three_digits(low / scale)} to {three_digits(high / scale)}"


def three_digits(number: float) -> str:
    """A number with three digits, or all before the point.

    >>> three_digits(3.14159), three_digits(31.4159), three_digits(3141.59)
    ('3.14', '31.4', '3142')
    """
    return f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:.0f}"


def size(parts: Mapping[str, Any]) -> str:
    """The size of a work in words.

    >>> size({"rows": 4000, "width": 64, "batch": 0, "law": "zipf"})
    '4,000 x 64'
    >>> size({"rows": 4000, "width": 64, "batch": 100, "words": "{rows:,} x {width}, {batch} pairs"})
    '4,000 x 64, 100 pairs'
    """
    if parts.get("words"):
        return str(parts["words"].format(**parts))
    table, batch = f"{parts['rows']:,} x {parts['width']:,}", parts["batch"]
    return f"{table}, gradients of {batch:,} rows" if batch else table


def where(report: Report) -> str:
    """The machine and the versions."""
    machine, versions = report.machine, report.versions
    memory = f", {machine['memory_gb']:.0f} GB of memory" if machine.get("memory_gb") else ""
    names = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    gpu = f"{machine['gpu']}; its host: " if machine.get("gpu") else ""
    return f"{gpu}{machine['cpu']}, {machine['cores']} cores{memory}, {machine['system']}; {names}."


def how(report: Report) -> str:
    """How it was measured."""
    threads = f"{report.threads} thread{'s' * (report.threads != 1)}, medians" if report.threads else "Medians"
    return (
        f"{threads} of up to {report.rounds} steps, which contenders take in turn, on {report.date}"
        f"{'; tiny sizes, whose times mean little' * report.quick}."
    )
