"""Tests mirror the source: ``tests/torch/test_optimizer.py`` tests ``src/fusedstep/torch/optimizer.py``.

What crosses rooms is in ``tests/system``, under any name.
"""

import re
from difflib import get_close_matches
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE, TESTS = ROOT / "src" / "fusedstep", ROOT / "tests"
SYSTEM = "system"


def files_of(room: str) -> list[Path]:
    return sorted((TESTS / room).rglob("test_*.py"))


def rooms(folder: Path) -> set[str]:
    """The packages of the source, or the folders that hold tests."""
    pattern = "__init__.py" if folder == SOURCE else "test_*.py"
    return {each.parent.name for each in folder.glob(f"*/{pattern}")}


def names(room: str, source: Path = SOURCE) -> set[str]:
    """What a test may name: each module and package of a room, alone or with the packages that it is in, and the room.

    >>> sorted(names("runtime") & {"runtime", "gpu", "gpu_launch", "launch", "cpu_gpu"})
    ['gpu', 'gpu_launch', 'launch', 'runtime']
    """
    found = {room}
    for path in (source / room).rglob("*.py"):
        module = path.relative_to(source / room).with_suffix("")
        parts = [part for part in module.parts if part != "__init__"]
        found |= {"_".join(parts[start:]).strip("_") for start in range(len(parts))}
    return found


def subject(file: str, known: set[str]) -> str | None:
    """The module that a file of tests names. Behind it may stand which side of it is tested.

    >>> subject("test_optimizer.py", {"optimizer"}), subject("test_optimizer_lifetimes.py", {"optimizer"})
    ('optimizer', 'optimizer')
    >>> subject("test_optimizers.py", {"optimizer"})
    """
    name = file.removeprefix("test_").removesuffix(".py")
    return max((each for each in known if f"{name}_".startswith(f"{each}_")), key=len, default=None)


def test_every_file_of_tests_is_in_a_room() -> None:
    astray = [str(file.relative_to(ROOT)) for file in TESTS.glob("test_*.py")]
    assert not astray, f"{astray} must be in the room of what they test, tests/ROOM/, or in tests/{SYSTEM}/"


def test_every_room_has_tests() -> None:
    missing = sorted(rooms(SOURCE) - rooms(TESTS))
    assert not missing, f"nothing tests {[f'src/fusedstep/{room}' for room in missing]}: add tests/ROOM/test_MODULE.py"
    unknown = sorted(rooms(TESTS) - rooms(SOURCE) - {SYSTEM})
    assert not unknown, f"{[f'tests/{room}' for room in unknown]} mirror no package of src/fusedstep: move the tests"


@pytest.mark.parametrize("room", sorted(rooms(TESTS) - {SYSTEM}))
def test_every_file_of_tests_names_a_module(room: str) -> None:
    known = names(room)
    for file in files_of(room):
        near = [f"test_{each}.py" for each in get_close_matches(file.stem.removeprefix("test_"), sorted(known), n=3)]
        assert subject(file.name, known), (
            f"{file.relative_to(ROOT)} names no module of src/fusedstep/{room}: call it test_MODULE.py or "
            f"test_MODULE_SIDE.py{f', like {near}' if near else ''}, or move it to tests/{SYSTEM}/"
        )


def test_a_file_without_a_module_is_found(tmp_path: Path) -> None:
    (tmp_path / "runtime" / "gpu").mkdir(parents=True)
    for name in ("__init__.py", "locks.py", "gpu/__init__.py", "gpu/launch.py"):
        (tmp_path / "runtime" / name).touch()
    known = names("runtime", tmp_path)
    assert known == {"runtime", "locks", "gpu", "launch", "gpu_launch"}
    right = {"gpu": "gpu", "gpu_launch": "gpu_launch", "gpu_launch_waits": "gpu_launch", "locks_of_rows": "locks"}
    assert {name: subject(f"test_{name}.py", known) for name in right} == right
    assert not any(subject(f"test_{name}.py", known) for name in ("lock", "locked", "cpu_launch", ""))


def test_the_guide_names_what_is_there() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = re.findall(r"`([^`\n]+)`", guide)
    named = {path for each in code for path in re.findall(r"(?<![\w/.-])\w[\w/]*/(?:\w+\.\w+)?(?![\w.])", each)}
    assert len(named) > 20
    missing = [path for path in sorted(named) if not (ROOT / path).exists() and not (SOURCE / path).exists()]
    missing = [path for path in missing if "NAME" not in path]
    assert not missing, f"CONTRIBUTING.md names {missing}, which are neither here nor in src/fusedstep"
