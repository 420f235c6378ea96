"""Prints the oldest versions that pyproject.toml declares, as pip's constraints.

``python tests/lower_bounds.py EXTRA...`` prints those of the package and of some extras; of a package that is named
several times, the newest of them.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
BOUND = re.compile(r"(?P<name>[\w-]+)>=(?P<version>[\d.]+)")


def lower_bounds(project: dict[str, Any], extras: Iterable[str]) -> list[str]:
    """The oldest version of each requirement.

    >>> options = {"torch": ["torch>=2.8"], "jax": ["jax>=0.8", "numpy>=2.0"]}
    >>> lower_bounds({"dependencies": ["numpy>=1.26"], "optional-dependencies": options}, ["jax"])
    ['jax==0.8', 'numpy==2.0']
    """
    named = [*project["dependencies"]]
    for extra in extras:
        named += project["optional-dependencies"][extra]
    oldest: dict[str, str] = {}
    for requirement in named:
        if found := BOUND.fullmatch(requirement):
            name, version = found["name"], found["version"]
            oldest[name] = max(oldest.get(name, "0"), version, key=numbers)
        else:
            raise ValueError(f"{requirement!r} in pyproject.toml has no lower bound alone, as NAME>=VERSION")
    return [f"{name}=={version}" for name, version in sorted(oldest.items())]


def numbers(version: str) -> list[int]:
    """A version's numbers, to compare it."""
    return [int(number) for number in version.split(".")]


if __name__ == "__main__":
    declared = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    print(*lower_bounds(declared, sys.argv[1:]), sep="\n")
