"""The number of threads in a container: a quota of CPU time counts, whichever version of control groups tells it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fusedstep.runtime.cpu import cpus

V2, V1 = "0::/a/b\n", "5:cpuset:/\n4:cpu,cpuacct:/a/b\n2:memory:/a/b\n"


def quota(folder: Path, membership: str, files: dict[str, str]) -> float | None:
    """The quota under a tree of control groups."""
    for name, content in files.items():
        (folder / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "groups" / name).write_text(content)
    (folder / "membership").write_text(membership)
    return cpus.cpu_quota(folder / "groups", folder / "membership")


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        (V2, {"a/b/cpu.max": "150000 100000\n"}, 1.5),
        (V2, {"a/b/cpu.max": "max 100000\n"}, None),
        # Those above count as well, and the root is what a container may see as its own.
        (V2, {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}, 2),
        (V2, {"a/b/cpu.max": "400000 100000\n", "a/cpu.max": "50000 100000\n", "cpu.max": "300000 100000"}, 0.5),
        (V2, {"cpu.max": "300000 100000\n"}, 3),
        ("0::/../other\n", {"cpu.max": "300000 100000\n"}, 3),
        ("0::/\n", {"cpu.max": "300000 100000\n"}, 3),
        # Version 1, in folders named by all controllers or by one; and both versions at once.
        (V1, {"cpu,cpuacct/a/b/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/a/b/cpu.cfs_period_us": "100000\n"}, 2.5),
        (V1, {"cpu/a/cpu.cfs_quota_us": "250000\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, 2.5),
        (V1, {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, None),
        (V1, {"cpu/a/cpu.cfs_quota_us": "250000\n"}, None),
        (V1 + V2, {"unified/a/b/cpu.max": "700000 100000\n"}, 7),
        # Another's group, another controller's.
        (V2, {"a/c/cpu.max": "150000 100000\n", "b/cpu.max": "150000 100000\n"}, None),
        ("4:cpuset:/a\n", {"cpuset/a/cpu.max": "150000 100000\n", "a/cpu.max": "150000 100000\n"}, None),
        # Odd files.
        (V2, {"a/b/cpu.max": ""}, None),
        (V2, {"a/b/cpu.max": "100000\n"}, None),
        (V2, {"a/b/cpu.max": "100000 0\n"}, None),
        (V2, {"a/b/cpu.max": "0 100000\n"}, None),
        (V2, {"a/b/cpu.max": "-5 100000\n"}, None),
        (V2, {"a/b/cpu.max": "many few\n", "a/cpu.max": "100000 100000\n"}, 1),
        (V2, {"a/b/cpu.max/is a folder": ""}, None),
        ("\n::\nnothing\n0::\n", {"cpu.max": "100000 100000\n"}, 1),
        ("", {"cpu.max": "100000 100000\n"}, None),
    ],
)
def test_the_quota(tmp_path: Path, membership: str, files: dict[str, str], expected: float | None) -> None:
    assert quota(tmp_path, membership, files) == expected


def test_no_control_groups_at_all(tmp_path: Path) -> None:
    assert cpus.cpu_quota(tmp_path, tmp_path / "none") is None
    (tmp_path / "binary").write_bytes(b"\xff\xfe0::/\n")
    assert cpus.cpu_quota(tmp_path, tmp_path / "binary") is None


@pytest.mark.parametrize(
    ("limit", "expected"), [(None, 4), (0.1, 1), (1.0, 1), (1.5, 2), (3.001, 4), (3, 3), (4.0, 4), (64.0, 4)]
)
def test_a_part_of_a_cpu_counts_as_one(limit: float | None, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpus, "cpu_quota", lambda: limit)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 4, raising=False)
    assert cpus.usable_cpus() == expected


def test_an_unknown_number_of_cpus_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpus, "cpu_quota", lambda: None)
    monkeypatch.setattr(os, "process_cpu_count", lambda: None, raising=False)
    assert cpus.usable_cpus() == 1


@pytest.mark.skipif(not hasattr(os, "process_cpu_count"), reason="from Python 3.13 on the number of CPUs can be set")
def test_the_number_that_python_is_told() -> None:
    command = [sys.executable, "-X", "cpu_count=1", "-c", "import fusedstep as fs; print(fs.get_num_threads())"]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == "1\n"


def test_the_default_is_what_the_process_may_use() -> None:
    if hasattr(os, "sched_getaffinity"):
        assert 1 <= cpus.usable_cpus() <= len(os.sched_getaffinity(0))
    script = "import fusedstep as fs; from fusedstep.runtime.cpu.cpus import usable_cpus; "
    script += "print(fs.get_num_threads() == usable_cpus())"
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == "True\n"
