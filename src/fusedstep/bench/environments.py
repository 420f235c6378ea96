"""The Python that each library runs with: this one, or that of another environment."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence

from .catalogue.contenders import STREAMED
from .works import Library, Work

Groups = Mapping[str, Sequence[Work]]


def libraries(groups: Groups) -> list[Library]:
    """The libraries of some groups of works, peers last."""
    found = [contender.library for works in groups.values() for work in works for contender in work.contenders]
    return sorted(dict.fromkeys([STREAMED, *found]), key=lambda library: library.peer)


def peers(groups: Groups) -> list[str]:
    """The names of the libraries that fusedstep is compared with."""
    return [library.name for library in libraries(groups) if library.peer]


def pythons(known: Iterable[Library], given: Mapping[str, str]) -> dict[str, str]:
    """The Python of each library that can run: this one if the library is installed here, or the given one."""
    here = {each.name: sys.executable for each in known if importlib.util.find_spec(each.module)}
    return here | dict(given)


def peer(names: Sequence[str], text: str) -> tuple[str, str]:
    """Parse ``NAME=PYTHON``: one of the names, and the Python of its environment.

    Raises:
        ValueError: the form is wrong, or there is no such peer or program.

    >>> import sys
    >>> peer(["torch"], f"torch={sys.executable}")[0]
    'torch'
    """
    name, _, python = text.partition("=")
    if name not in names or not python:
        raise ValueError(f"{text!r}, expected NAME=PYTHON with NAME one of {', '.join(names)}")
    # A virtual environment's python is a link; its target belongs to another environment.
    found = shutil.which(os.path.abspath(os.path.expanduser(python)) if os.sep in python else python)
    if found is None:
        raise ValueError(f"{text!r}, expected the python of an environment: {python} is not a program")
    return name, found
