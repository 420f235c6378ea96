"""Options of several subcommands; invalid ones are refused before any work."""

import argparse
import os
from pathlib import Path


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
