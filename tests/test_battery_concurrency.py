"""The battery's calls from several threads and processes at once: no crash, no hang, and the result where it is set."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .battery_calls import CASES
from .battery_settings import SETTINGS

ROOT = Path(__file__).parent.parent
# One of each loop; the others run the same ones.
SHORT = ["FusedSparseAdam", "FusedSparseProximalAdagrad", "ApplyProximalAdagrad"]

RUNS = [
    pytest.param(
        case["id"],
        setting.label,
        id=f"{case['mode']}-{case['id']}-{setting.label}",
        marks=() if setting.label in SHORT else pytest.mark.long,
    )
    for case in CASES
    for setting in SETTINGS
    if case["mode"] != "call" and setting.applies(case)
]


@pytest.mark.parametrize(("case", "label"), RUNS)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="written for systems that can fork")
def test_concurrency(case: str, label: str) -> None:
    command = [sys.executable, "-m", "tests.concurrency", case, label]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout) == (0, "right\n"), ended.stderr


def test_every_mode_is_run() -> None:
    assert {case["id"] for case in CASES if case["mode"] != "call"} == {each.values[0] for each in RUNS}
