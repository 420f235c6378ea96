"""Calls in workers of every kind, on memory that processes share, and while the interpreter ends."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def assert_right(name: str) -> None:
    command = [sys.executable, "-m", "tests.processes", name]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "right\n", "")


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_workers(method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"the system has no {method}")
    assert_right(method)


@pytest.mark.parametrize("name", ["executor", "shared_memory", "torch_tensors"])
def test_processes(name: str) -> None:
    assert_right(name)


@pytest.mark.parametrize("name", ["daemons", "at_exit", "at_the_very_end"])
def test_the_end_of_the_interpreter(name: str) -> None:
    assert_right(name)
