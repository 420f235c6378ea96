"""Kernels are kept on disk: a second process compiles nothing, and no state of the folder leads to a wrong answer."""

import errno
import io
import itertools
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from fusedstep.codegen.cpu import disk_cache

RULE = """
def descent(var, grad, *, lr):
    return var - lr * {factor} * grad
"""

# Says what came out, what was compiled and what was warned of. Functions of two types: a warning could come twice.
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
    {step}
    from fusedstep.codegen.cpu import disk_cache
print(json.dumps(dict(
    var=var.tolist(), table=table.tolist(), hits=disk_cache.loaded, misses=disk_cache.made,
    warnings=[(each.category.__name__, str(each.message)) for each in caught],
)))
"""


# Needs span functions alone, which come in milliseconds.
DENSE = "step(table, np.array([[0, 0], [0, 0], [2, 2]], np.float32), lr=0.125)"
# Needs loops too, for which Numba is imported where they are not kept.
BY_ROWS = "step(table, np.array([[1, 1], [0, 0], [1, 1]], np.float32), np.array([2, 0, 2]), lr=0.125)"


class Place:
    """A folder with a rule in it, and a cache folder; its processes take a dense step, or one by rows."""

    def __init__(self, folder: Path, cache: Path | None = None, step: str = DENSE) -> None:
        self.folder, self.cache, self.step = folder, cache or folder / "cache", step
        self.write(2)

    def write(self, factor: int) -> None:
        (self.folder / "my_rule.py").write_text(RULE.format(factor=factor))

    def start(self, before: str = "", **environment: str) -> subprocess.Popen[str]:
        variables = os.environ | {"FUSEDSTEP_CACHE_DIR": str(self.cache), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(before=before, step=self.step)],
            cwd=self.folder,
            env=variables | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, before: str = "", **environment: str) -> dict[str, Any]:
        return ended(self.start(before, **environment))

    def kept(self) -> list[Path]:
        return sorted(self.cache.iterdir())


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


def begun(folder: Path, step: str) -> Place:
    """A place where one process has run."""
    place = Place(folder, step=step)
    said = place.run()
    assert_right(said)
    assert said["warnings"] == []
    assert said["hits"] == 0
    assert said["misses"] > 0
    return place


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place where one process has stepped by rows."""
    return begun(tmp_path_factory.mktemp("warm"), BY_ROWS)


@pytest.fixture(scope="module")
def warm_dense(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place where one process has taken dense steps."""
    return begun(tmp_path_factory.mktemp("dense"), DENSE)


@pytest.fixture
def copied(warm_dense: Place, tmp_path: Path) -> Place:
    """A copy of it, to be damaged."""
    shutil.copytree(warm_dense.folder, tmp_path / "copy")
    return Place(tmp_path / "copy")


def test_the_folder_is_the_one_chosen_and_private(warm: Place) -> None:
    assert stat.S_IMODE(warm.cache.stat().st_mode) == 0o700
    assert warm.kept()
    for path in warm.kept():
        assert path.suffix == ".bin"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


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
    assert said["misses"] == 0
    assert said["warnings"] == []


def test_a_race_of_cold_processes_is_safe(tmp_path: Path) -> None:
    place = Place(tmp_path, step=BY_ROWS)
    for said in [ended(process) for process in [place.start() for _ in range(3)]]:
        assert_right(said)
        assert said["warnings"] == []
    said = place.run()
    assert_right(said)
    assert said["misses"] == 0
    assert {path.suffix for path in place.kept()} == {".bin"}


def test_a_folder_below_a_file_means_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_in_memory(Place(tmp_path, tmp_path / "file" / "cache").run())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_to_write_means_memory(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o500)
    assert_in_memory(Place(tmp_path, cache).run())


@pytest.mark.parametrize(("limit", "step"), [(100, DENSE), (1500, BY_ROWS)], ids=["no room at all", "room for some"])
def test_a_full_folder_means_memory(tmp_path: Path, limit: int, step: str) -> None:
    resource = pytest.importorskip("resource")
    assert resource.RLIMIT_FSIZE
    place = Place(tmp_path, step=step)
    said = place.run(f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))")
    assert_in_memory(said)
    # Half of a kernel may be left behind: it must do no harm once there is room.
    said = place.run()
    assert_right(said)
    assert said["warnings"] == []
    said = place.run()
    assert_right(said)
    assert said["misses"] == 0


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "of its digest alone": lambda content: content[:32],
    "changed at the start": lambda content: flipped(content, 0),
    "changed behind the digest": lambda content: flipped(content, 32),
    "changed in the middle": lambda content: flipped(content, len(content) // 2),
    "changed at the end": lambda content: flipped(content, len(content) - 1),
    "made of something else": lambda content: b"cos\nsystem\n(S'echo this must never run'\ntR." * 9,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_machine_code_is_made_again(copied: Place, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEDSTEP_CACHE_DIR", str(copied.cache))
    for path in copied.kept():
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
        assert disk_cache.object_file(path.stem, lambda: b"made again") == b"made again"
        assert disk_cache.object_file(path.stem, lambda: b"made once more") == b"made again"


def test_a_process_compiles_what_is_damaged_again(warm: Place, tmp_path: Path) -> None:
    place = Place(tmp_path, step=BY_ROWS)
    shutil.copytree(warm.cache, place.cache)
    assert len(place.kept()) >= 4
    for path, damage in zip(place.kept(), itertools.cycle(DAMAGES.values())):
        path.write_bytes(damage(path.read_bytes()))
    said = place.run()
    assert_right(said)
    assert said["warnings"] == []
    assert said["hits"] == 0
    said = place.run()
    assert_right(said)
    assert said["misses"] == 0


def writable_file(place: Place) -> None:
    place.kept()[0].chmod(0o620)


def writable_folder(place: Place) -> None:
    place.cache.chmod(0o777)


def link(place: Place) -> None:
    path = place.kept()[0]
    path.rename(place.folder / "elsewhere")
    path.symlink_to(place.folder / "elsewhere")


def file_of_another(place: Place) -> None:
    os.chown(place.kept()[0], 12345, -1)


def folder_of_another(place: Place) -> None:
    os.chown(place.cache, 12345, -1)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have owners on POSIX")
@pytest.mark.parametrize("strange", [writable_file, writable_folder, link, file_of_another, folder_of_another])
def test_what_may_be_anothers_is_not_executed(copied: Place, strange: Callable[[Place], None]) -> None:
    for path in copied.kept():
        # With the digest that belongs to it: what counts is whose it is.
        payload = b"what must not be executed"
        path.write_bytes(disk_cache.digest_of(path.stem, payload) + payload)
    try:
        strange(copied)
    except PermissionError:
        pytest.skip("only root gives files away")
    if strange in (writable_folder, folder_of_another):
        assert_in_memory(copied.run())
        return
    for path in copied.kept()[1:]:
        path.unlink()
    assert_in_memory(copied.run())


def test_a_folder_that_vanishes_is_made_again(tmp_path: Path) -> None:
    place = Place(tmp_path)
    kernel = "fs.Operator(fs.rules.gradient_descent).compile('dense', ('float64',), 'float64')"
    said = place.run(f"import shutil, fusedstep as fs; {kernel}; shutil.rmtree({str(place.cache)!r})")
    assert_right(said)
    assert said["warnings"] == []
    assert place.kept()


def test_an_edited_rule_is_another_file(copied: Place) -> None:
    before = copied.kept()
    copied.write(3)
    said = copied.run()
    assert_right(said, factor=3)
    assert said["misses"] > 0
    assert set(before) < set(copied.kept())
    # The first rule is still there for whoever goes back to it.
    copied.write(2)
    said = copied.run()
    assert_right(said)
    assert said["misses"] == 0


FULL = """
import errno, io, os
import fusedstep.codegen.cpu.disk_cache as disk_cache
def full(*args, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
class Full(io.FileIO):
    write = full
disk_cache.open = lambda handle, mode: Full(handle, mode)
"""


def test_a_full_disk_means_memory(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert_in_memory(place.run(FULL))
    # Nothing is left behind that would take the room of others.
    assert place.kept() == []


@pytest.mark.parametrize("step", ["mkstemp", "open", "replace"])
def test_of_a_file_that_cannot_be_written_nothing_is_left(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").write_bytes(b"before")
    full = Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    if step == "open":

        class Full(io.FileIO):
            write = full

        monkeypatch.setattr(disk_cache, "open", Full, raising=False)
    else:
        monkeypatch.setattr(tempfile if step == "mkstemp" else os, step, full)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        disk_cache.write_own(tmp_path / "kept", b"behind")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("kept", b"before")]


def test_versions_that_share_a_folder_keep_to_their_own(copied: Place) -> None:
    before = copied.kept()
    other = "import llvmlite; llvmlite.__version__ += '.1'"
    for said in [ended(process) for process in [copied.start(other), copied.start()]]:
        assert_right(said)
        assert said["warnings"] == []
    assert len(copied.kept()) == 2 * len(before)
    assert set(before) < set(copied.kept())
    for version in (other, ""):
        said = copied.run(version)
        assert_right(said)
        assert said["misses"] == 0


def test_machine_code_that_is_cut_off_anywhere_is_not_loaded(copied: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = min(copied.kept(), key=lambda path: path.stat().st_size)
    content = path.read_bytes()
    monkeypatch.setenv("FUSEDSTEP_CACHE_DIR", str(copied.cache))
    lengths = {*range(100), *range(0, len(content), 61), *range(len(content) - 100, len(content))}
    for length in sorted(lengths, reverse=True):
        path.write_bytes(content[:length])
        assert disk_cache.object_file(path.stem, lambda: b"made again") == b"made again"


def test_machine_code_of_another_function_is_not_loaded(copied: Place) -> None:
    first, second = copied.kept()[:2]
    second.write_bytes(first.read_bytes())
    said = copied.run()
    assert_right(said)
    assert said["misses"] == 1


def test_a_warm_process_imports_no_numba(warm: Place) -> None:
    said = warm.run("import sys; sys.modules['numba'] = None")
    assert_right(said)
    assert said["misses"] == 0


@pytest.mark.parametrize("chosen", ["~/kernels", "~"])
def test_the_folder_may_be_named_from_home(chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("FUSEDSTEP_CACHE_DIR", chosen)
    assert disk_cache.cache_folder() == tmp_path / chosen.removeprefix("~").removeprefix("/")


def test_a_home_that_is_unknown_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEDSTEP_CACHE_DIR", "~nobody-of-this-name/kernels")
    monkeypatch.setattr(disk_cache, "_warned", False)
    with pytest.warns(RuntimeWarning, match="its cache folder cannot be used"):
        assert disk_cache.object_file("fusedstep_nothing", lambda: b"code") == b"code"
