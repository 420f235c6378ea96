"""The programs of the guide, before and after: each prints the same with MindSpore's optimizers and with ours."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAMS = sorted(path.name.removesuffix("_before.py") for path in (ROOT / "examples/mindspore").glob("*_before.py"))
NUMBER = re.compile(r"\d+\.\d+")


def printed(name: str, folder: Path) -> list[str]:
    # MindSpore leaves files where it is run.
    command = [sys.executable, str(ROOT / "examples/mindspore" / f"{name}.py")]
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]), "GLOG_v": "3"}
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | paths)
    assert ended.returncode == 0, ended.stderr
    return [line for line in ended.stdout.splitlines() if NUMBER.search(line)]


def test_there_are_three_programs() -> None:
    assert PROGRAMS == ["sparse_embedding", "train_one_step", "wide_and_deep"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_prints_the_same_before_and_after(program: str, tmp_path: Path) -> None:
    before, after = (printed(f"{program}_{which}", tmp_path) for which in ("before", "after"))
    assert [NUMBER.sub("", line) for line in after] == [NUMBER.sub("", line) for line in before]
    assert len(after) >= 2
    for expected, got in zip(before, after, strict=True):
        # The last digit that is printed.
        assert list(map(float, NUMBER.findall(got))) == pytest.approx(
            list(map(float, NUMBER.findall(expected))), abs=1.5e-4, rel=1e-3
        )
