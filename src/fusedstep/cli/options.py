"""Options of several subcommands; invalid ones are refused before any work."""

import argparse
import difflib
import os
from collections.abc import Iterable
from pathlib import Path

from ..storage import STORAGES


def add_types(parser: argparse.ArgumentParser, name: str, default: list[str], text: str) -> None:
    """Add an option of one or several storage types; ``{types}`` in its help is all of them."""
    described = text.format(types=", ".join(STORAGES))
    parser.add_argument(name, nargs="+", choices=STORAGES, default=default, metavar="TYPE", help=described)


def similar(name: str, known: Iterable[str], what: str) -> str:
    """A list of the known names that are like a wrong one; case is ignored. "" if there are none."""
    alike = {each.lower(): each for each in known}
    close = [alike[each] for each in difflib.get_close_matches(name.lower(), alike, n=5, cutoff=0.5)]
    return f"similar {what}: {', '.join(close)}" if close else ""


def thread_count(text: str) -> int:
    """Parse a number of threads."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number of at least 1")
    return int(text)


def file_to_write(text: str) -> Path:
    """Parse the name of a file that can be written."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}, expected a file in a folder that exists")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} is not writable, expected a writable file")
    return path


def folder_to_write(text: str) -> Path:
    """Parse the name of a folder for files; create it if its parent exists."""
    path = Path(text)
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r}, expected a folder, or a new one in a folder: {error.strerror}"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"{text!r} is not writable, expected a writable folder")
    return path
