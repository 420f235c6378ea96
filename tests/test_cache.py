"""Kernels are kept on disk: a second process compiles nothing, and no state of the folder leads to a wrong answer."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RULE = """
def descent(var, grad, *, lr):
    return var - lr * {factor} * grad
"""

# Says what came out, what was compiled and what was warned of. Two kernels: a warning could come twice.
SCRIPT = """
import json, sys, warnings
import numpy as np
{before}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import fusedstep as fs
    import my_rule
    var, table = np.ones(3), np.ones((3, 2), np.float32)
    step = fs.Operator(my_rule.descent)
    step(var, np.ones(3), lr=0.25)
    step(table, np.ones((2, 2), np.float32), np.array([2, 2]), lr=0.125)
    from fusedstep.codegen.store import cache_statistics
    hits, misses = cache_statistics()
print(json.dumps(dict(
    var=var.tolist(), table=table.tolist(), hits=hits, misses=misses,
    warnings=[(each.category.__name__, str(each.message)) for each in caught],
)))
"""


class Place:
    """A folder with a rule in it, and a cache folder."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self.folder, self.cache = folder, cache or folder / "cache"
        self.write(2)

    def write(self, factor: int) -> None:
        (self.folder / "my_rule.py").write_text(RULE.format(factor=factor))

    def start(self, before: str = "", **environment: str) -> subprocess.Popen[str]:
        variables = os.environ | {"FUSEDSTEP_CACHE_DIR": str(self.cache), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(before=before)],
            cwd=self.folder,
            env=variables | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, before: str = "", **environment: str) -> dict[str, Any]:
        return ended(self.start(before, **environment))

    def modules(self) -> list[Path]:
        return sorted(self.cache.glob("*.py"))


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    return json.loads(out)


def assert_right(said: dict[str, Any], factor: int = 2) -> None:
    assert said["var"] == [1 - 0.25 * factor] * 3
    assert said["table"] == [[1, 1], [1, 1], [1 - 0.25 * factor] * 2]


def assert_in_memory(said: dict[str, Any]) -> None:
    assert_right(said)
    assert len(said["warnings"]) == 1
    category, text = said["warnings"][0]
    assert category == "RuntimeWarning"
    assert "FUSEDSTEP_CACHE_DIR" in text
    assert "in memory" in text


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place where one process has run."""
    place = Place(tmp_path_factory.mktemp("warm"))
    said = place.run()
    assert_right(said)
    assert said["warnings"] == []
    assert said["hits"] == 0
    assert said["misses"] > 0
    return place


@pytest.fixture
def copied(warm: Place, tmp_path: Path) -> Place:
    """A copy of it, to be damaged."""
    shutil.copytree(warm.folder, tmp_path / "copy")
    return Place(tmp_path / "copy")


def test_the_folder_is_the_one_chosen_and_private(warm: Place) -> None:
    assert warm.modules()
    assert list(warm.cache.rglob("*.nbc"))
    for folder in (warm.cache, warm.cache / "__pycache__"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(warm.cache.rglob("*.tmp"))


def test_a_second_process_compiles_nothing(warm: Place) -> None:
    said = warm.run()
    assert_right(said)
    assert said["misses"] == 0
    assert said["hits"] > 0
    assert said["warnings"] == []


def test_the_default_folder_is_in_the_platforms_cache_folder(warm: Place, tmp_path: Path) -> None:
    if sys.platform in ("win32", "darwin"):
        pytest.skip("XDG_CACHE_HOME is for other systems")
    shutil.copytree(warm.cache, tmp_path / "fusedstep")
    said = warm.run(FUSEDSTEP_CACHE_DIR="", XDG_CACHE_HOME=str(tmp_path))
    assert_right(said)
    assert {path.name for path in (tmp_path / "fusedstep").glob("*.py")} == {path.name for path in warm.modules()}
    assert said["warnings"] == []


def test_a_race_of_cold_processes_is_safe(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for said in [ended(process) for process in [place.start() for _ in range(4)]]:
        assert_right(said)
        assert said["warnings"] == []
    said = place.run()
    assert_right(said)
    assert said["misses"] == 0
    assert not list(place.cache.rglob("*.tmp"))


def test_a_folder_below_a_file_means_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_in_memory(Place(tmp_path, tmp_path / "file" / "cache").run())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_to_write_means_memory(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o500)
    assert_in_memory(Place(tmp_path, cache).run())


@pytest.mark.parametrize("limit", [1000, 20_000], ids=["no room for text", "no room for machine code"])
def test_a_full_folder_means_memory(tmp_path: Path, limit: int) -> None:
    resource = pytest.importorskip("resource")
    assert resource.RLIMIT_FSIZE
    place = Place(tmp_path)
    said = place.run(f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))")
    assert_in_memory(said)
    # Half of a kernel may be left behind: it must do no harm once there is room.
    said = place.run()
    assert_right(said)
    assert said["warnings"] == []
    said = place.run()
    assert_right(said)
    assert said["misses"] == 0


@pytest.mark.parametrize("damage", ["truncated", "emptied", "changed"])
def test_a_damaged_module_is_rebuilt(copied: Place, damage: str) -> None:
    texts = {path: path.read_text() for path in copied.modules()}
    for path, text in texts.items():
        changed = text.replace(" * ", " + ") + "\nraise SystemExit('this text must never run')\n"
        path.write_text({"truncated": text[: len(text) // 2], "emptied": "", "changed": changed}[damage])
    said = copied.run()
    assert_right(said)
    assert said["warnings"] == []
    assert {path: path.read_text() for path in copied.modules()} == texts


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_damaged_machine_code_is_compiled_again(copied: Place, suffix: str) -> None:
    paths = list(copied.cache.rglob(f"*.{suffix}"))
    assert paths
    for path in paths:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert_right(copied.run())


def test_an_edited_rule_is_another_module(copied: Place) -> None:
    before = copied.modules()
    copied.write(3)
    said = copied.run()
    assert_right(said, factor=3)
    assert said["misses"] > 0
    assert set(before) < set(copied.modules())
    # The first rule is still there for whoever goes back to it.
    copied.write(2)
    said = copied.run()
    assert_right(said)
    assert said["misses"] == 0
