"""Where MindSpore computes or returns something else: what the catalogue and the docstrings say of it."""

import re
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from .. import rules
from ..mindspore.ops.contracts import CONTRACTS
from ..operators import catalogue
from ..operators.docstrings import description
from .findings import Way
from .served import Found

LIBRARY = "MindSpore"
ENTRIES = {entry.name: entry for entry in catalogue.ENTRIES}
RESULTS = {
    (Way.BESIDE, "first"): "MindSpore's returns the variable alone; fusedstep.ops returns a tuple of all states.",
    (Way.BESIDE, "zeros"): "fusedstep.ops returns a tuple of the states.",
    (Way.ALONE, "zeros"): "It returns a tensor of one zero for each state, as documented; the states are updated.",
}


def differences(found: Found, way: Way) -> str:
    """Where MindSpore's operator or optimizer differs, in sentences; "" if nothing is known."""
    name = found.thing.__name__
    if found.kind == "operator":
        return " ".join([*of_entries([ENTRIES[name]]), *of_results(name, way)])
    return " ".join(of_docstring(found.thing) or of_entries(entries_of(found.thing)))


def of_entries(entries: list[catalogue.Entry]) -> list[str]:
    """What the catalogue says, after the operator's name if there are several."""
    told = {entry.name: entry.differs[LIBRARY] for entry in entries if LIBRARY in entry.differs}
    return [f"{name}: {sentence}" if len(entries) > 1 else sentence for name, sentence in told.items()]


def of_results(name: str, way: Way) -> Iterator[str]:
    """What an operator returns, if that is something else."""
    sentence = RESULTS.get((way, CONTRACTS[name].outputs))
    if sentence:
        yield sentence


def of_docstring(optimizer: type) -> list[str]:
    """The sentences of an optimizer's docstring that name MindSpore."""
    paragraphs = description(optimizer.__doc__).notes
    sentences = [each for paragraph in paragraphs for each in re.split(r"(?<=\.) (?=[A-Z])", paragraph)]
    return [each for each in sentences if LIBRARY in each]


def entries_of(optimizer: Any) -> list[catalogue.Entry]:
    """The operators of an optimizer's rules that MindSpore's own runs: dense ones, and fused sparse ones."""
    its = rules_of(optimizer)
    rows = (None, getattr(optimizer, "_rows", None))
    found = [entry for entry in catalogue.ENTRIES if entry.rule in its and entry.rows in rows]
    return [entry for entry in found if not entry.name.startswith("SparseApply")]


def rules_of(optimizer: type) -> list[Any]:
    """The rules that the methods of a class name."""
    known = {id(getattr(rules, name)) for name in rules.__all__}
    methods = [each for base in optimizer.__mro__ for each in vars(base).values() if isinstance(each, FunctionType)]
    named = [method.__globals__.get(name) for method in methods for name in method.__code__.co_names]
    return [each for each in named if id(each) in known]
