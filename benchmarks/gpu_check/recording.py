"""A plugin of pytest: keeps each test's outcome as soon as it is known, and orders the tests.

What is kept is one JSON object a line, so that a run which is stopped loses nothing.
"""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest
from benchmarks.gpu.lost import is_lost

from .selection import place

# The exit status of a process whose device takes no more kernels.
LOST = 70
# What tests/devices.py says of a test that it skips.
NO_DEVICE = "there is no device"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", type=Path, required=True, help="the file to write outcomes to")
    parser.addoption("--leave-out", type=Path, help="the file of an earlier run, whose tests are left out")
    if importlib.util.find_spec("pytest_timeout") is None:
        # The project's settings name it, and unknown settings are errors.
        parser.addini("timeout", "ignored: pytest-timeout is not installed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "timeout: known where pytest-timeout is not installed, too")
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Leaving())
    else:
        config.pluginmanager.register(Keeping(config.getoption("--record")))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    earlier: Path | None = config.getoption("--leave-out")
    done = {each["test"] for each in lines(earlier) if "test" in each} if earlier else set()
    config.hook.pytest_deselected(items=[each for each in items if each.nodeid in done])
    items[:] = sorted((each for each in items if each.nodeid not in done), key=lambda each: place(each.nodeid))


def lines(file: Path) -> list[dict[str, Any]]:
    """What was kept in a file; a last line that is not whole is left out."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


class Keeping:
    """Keeps outcomes, in the process that others report to."""

    def __init__(self, file: Path) -> None:
        self.file = file.open("w", encoding="utf-8")
        self.collected: list[str] = []

    def keep(self, content: dict[str, Any]) -> None:
        """Writes a line."""
        self.file.write(json.dumps(content) + "\n")
        self.file.flush()

    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        if not self.collected:
            self.collected = list(ids)
            self.keep({"collected": self.collected})

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.keep({"started": nodeid})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            why = "" if report.passed else reason(report)
            # Where a device is to be checked, that a process finds none is a fault.
            missed = NO_DEVICE in why and os.environ.get("TRITON_INTERPRET") == "0"
            outcome = "failed" if missed else report.outcome
            self.keep({"test": report.nodeid, "outcome": outcome, "seconds": report.duration, "why": why})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.keep({"test": report.nodeid, "outcome": "failed", "seconds": 0.0, "why": str(report.longrepr)[-4000:]})


def reason(report: pytest.TestReport) -> str:
    """Why a test was skipped, or the end of what it says of its failure."""
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[-1])
    return str(report.longrepr)[-4000:]


class Leaving:
    """Ends a worker whose device has failed, and takes no more kernels: another one takes its place."""

    def __init__(self) -> None:
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        if self.failed and is_lost():
            os._exit(LOST)
        self.failed = False
