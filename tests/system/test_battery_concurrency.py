"""The battery's calls from several threads and processes at once: no crash, no hang, and the result where it is set."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.battery_calls import CASES
from tests.battery_settings import SETTINGS

ROOT = Path(__file__).parents[2]
# One of each loop; the others run the same ones.
SHORT = ["FusedSparseAdam", "FusedSparseProximalAdagrad", "ApplyProximalAdagrad"]

MODES = [case for case in CASES if case["mode"] != "call"]
RUNS = {setting.label: [case["id"] for case in MODES if setting.applies(case)] for setting in SETTINGS}


@pytest.mark.parametrize(
    "label", [pytest.param(label, marks=() if label in SHORT else pytest.mark.long) for label in RUNS if RUNS[label]]
)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="written for systems that can fork")
def test_concurrency(label: str) -> None:
    # One process for all cases of an operator; it says which one it begins.
    command = [sys.executable, "-m", "tests.concurrency", label, *RUNS[label]]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert (ended.returncode, ended.stdout) == (0, "right\n"), ended.stderr


def test_every_mode_is_run() -> None:
    assert {case["id"] for case in MODES} == {case for label in SHORT for case in RUNS[label]}
