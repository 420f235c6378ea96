"""The files that a program imports beside those that were read."""

from collections.abc import Iterable
from pathlib import Path

from .program import Program
from .values import MINDSPORE


def unread(programs: Iterable[Program]) -> list[str]:
    """Files that programs import, that are not among them, and that name MindSpore."""
    programs = list(programs)
    read = {Path(program.file).resolve() for program in programs}
    found = {
        file
        for program in programs
        for module in program.local_imports
        for file in files_of(module, Path(program.file))
        if file.resolve() not in read and names_mindspore(file)
    }
    return sorted(map(str, found))


def files_of(module: str, importer: Path) -> list[Path]:
    """The file of a module beside a program, or in a folder above it, as far as that is a part of a package."""
    name = module.lstrip(".")
    level = len(module) - len(name)
    around = importer.parents[level - 1 : level] if level else importer.parents[:3]
    below = Path(*name.split(".")) if name else Path("__init__")
    candidates = [file for folder in around for file in (folder / f"{below}.py", folder / below / "__init__.py")]
    return [file for file in candidates if file.is_file()][:1]


def names_mindspore(file: Path) -> bool:
    """Whether a file names MindSpore."""
    try:
        return MINDSPORE.encode() in file.read_bytes()
    except OSError:
        return False
