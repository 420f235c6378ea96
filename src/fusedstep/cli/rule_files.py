"""Rules on the command line: a name of ``fusedstep.rules``, or a function of a file."""

import argparse
import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .ops import subject


def rule_of(text: str) -> Callable[..., Any]:
    """Parse the name of a rule, or ``FILE.py:NAME``."""
    file, colon, name = text.rpartition(":")
    if colon and file.endswith(".py"):
        return rule_in(Path(file), name)
    found = subject(text)
    if found.entry:
        raise argparse.ArgumentTypeError(f"{text!r} is an operator, expected a rule; its rule: {found.rule.__name__}")
    return found.rule


def rule_in(file: Path, name: str) -> Callable[..., Any]:
    """A function of a file; the file is executed."""
    if not file.is_file():
        raise argparse.ArgumentTypeError(f"{str(file)!r} is not a file, expected a Python file with {name}")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., Any] | None = getattr(module, name, None)
    if not inspect.isfunction(found):
        functions = [each for each, _ in inspect.getmembers(module, inspect.isfunction)]
        raise argparse.ArgumentTypeError(
            f"{str(file)!r} has no function {name!r}; its functions: {', '.join(functions) or 'none'}"
        )
    return found
