"""The battery's calls from several threads and processes at once: no crash, no hang, and the result where it is set."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .battery_calls import CASES, SETTINGS

ROOT = Path(__file__).parent.parent
# The rules that share an operator differ in nothing that matters here.
LABELS = ["FusedSparseAdam", "FusedSparseProximalAdagrad", "ApplyProximalAdagrad"]

RUNS = [
    pytest.param(case["id"], setting.label, id=f"{case['mode']}-{case['id']}-{setting.label}")
    for case in CASES
    for setting in SETTINGS
    if case["mode"] != "call" and setting.applies(case) and setting.label in LABELS
]


@pytest.mark.parametrize(("case", "label"), RUNS)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="written for systems that can fork")
def test_concurrency(case: str, label: str) -> None:
    command = [sys.executable, "-m", "tests.concurrency", case, label]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout) == (0, "right\n"), ended.stderr


def test_every_mode_is_run() -> None:
    assert {case["id"] for case in CASES if case["mode"] != "call"} == {each.values[0] for each in RUNS}
