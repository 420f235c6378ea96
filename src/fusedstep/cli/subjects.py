"""Operators and rules on the command line, by name or as a function of a file."""

import argparse
import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .. import rules
from ..operators import catalogue
from .options import similar


class Subject(NamedTuple):
    """An operator or a rule: the rule, and the operator's entry if it is an operator."""

    rule: Callable[..., Any]
    entry: catalogue.Entry | None


def subject(name: str) -> Subject:
    """Parse the name of an operator or rule; case matters only if both have the name."""
    known = {each: Subject(getattr(rules, each), None) for each in rules.__all__}
    known |= {entry.name: Subject(entry.rule, entry) for entry in catalogue.ENTRIES}
    alike = {each.lower(): each for each in known}
    if name in known or name.lower() in alike:
        return known.get(name) or known[alike[name.lower()]]
    hint = similar(name, known, "names") or "'fusedstep ops' lists them"
    raise argparse.ArgumentTypeError(f"{name!r} is neither an operator nor a rule; {hint}")


def operator(name: str) -> str:
    """Parse an operator's name; case is ignored."""
    chosen = subject(name)
    if chosen.entry is None:
        run_by = [entry.name for entry in catalogue.ENTRIES if entry.rule is chosen.rule]
        raise argparse.ArgumentTypeError(
            f"{name!r} is a rule, expected an operator" + (f"; it is the rule of {', '.join(run_by)}" if run_by else "")
        )
    return chosen.entry.name


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
