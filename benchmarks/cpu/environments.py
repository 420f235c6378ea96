"""The Python of another environment, for a library that is not installed in this one."""

import os
import shutil
from argparse import ArgumentTypeError
from collections.abc import Sequence


def peer(names: Sequence[str], text: str) -> tuple[str, str]:
    """Parse ``NAME=PYTHON``: one of the names, and the Python of its environment."""
    name, _, python = text.partition("=")
    if name not in names or not python:
        raise ArgumentTypeError(f"{text!r}, expected NAME=PYTHON with NAME one of {', '.join(names)}")
    # A virtual environment's python is a link; its target belongs to another environment.
    found = shutil.which(os.path.abspath(os.path.expanduser(python)) if os.sep in python else python)
    if found is None:
        raise ArgumentTypeError(f"{text!r}, expected the python of an environment: {python} is not a program")
    return name, found
