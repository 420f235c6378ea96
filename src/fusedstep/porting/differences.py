"""Where MindSpore computes or returns something else: what the catalogue and the docstrings say of it."""

import ast
import re
import sys
from collections.abc import Iterator
from typing import Any

from .. import rules
from ..mindspore.ops.contracts import CONTRACTS
from ..operators import catalogue
from ..operators.docstrings import description
from .findings import Way
from .lookup import Found
from .sources import tree_of

LIBRARY = "MindSpore"
ENTRIES = {entry.name: entry for entry in catalogue.ENTRIES}
RESULTS = {
    (Way.BESIDE, "first"): "MindSpore's returns the variable alone; fusedstep.ops returns a tuple of all states.",
    (Way.ALONE, "zeros"): "It returns a tensor of one zero for each state, as documented; the states are updated.",
}
# What an operator returns does not reach the program through an optimizer.
RETURNED = re.compile(r"\b(returns|returned|outputs?)\b")


def differences(found: Found, way: Way) -> str:
    """Where MindSpore's operator or optimizer differs, in sentences; "" if nothing is known."""
    name = found.thing.__name__
    if found.kind == "operator":
        told = [ENTRIES[name].differs.get(LIBRARY, ""), *of_results(name, way)]
    else:
        told = of_docstring(found.thing) or of_entries(entries_of(found.thing))
    return " ".join(filter(None, told))


def of_entries(entries: list[catalogue.Entry]) -> list[str]:
    """What the catalogue says of operators, after their names; not what they return."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        sentence = without_results(entry.differs.get(LIBRARY, ""))
        if sentence:
            names.setdefault(sentence, []).append(entry.name)
    return [f"{', '.join(its)}: {sentence}" for sentence, its in names.items()]


def of_results(name: str, way: Way) -> Iterator[str]:
    """What an operator returns, if that is something else."""
    sentence = RESULTS.get((way, CONTRACTS[name].outputs))
    if sentence:
        yield sentence


def without_results(told: str) -> str:
    """What is said of an operator, without the clauses on what it returns; "" if there are no others.

    >>> without_results("it drops indices; its output is memory; a NaN is 0.")
    'it drops indices; a NaN is 0.'
    """
    clauses = [each for each in re.split(r"(?<=[;.]) ", told) if not RETURNED.search(each)]
    return re.sub(r"[;.]$", ".", " ".join(clauses))


def of_docstring(optimizer: type) -> list[str]:
    """The sentences of an optimizer's docstring that name MindSpore, and those that go on with it."""
    paragraphs = description(optimizer.__doc__).notes
    sentences = [each for paragraph in paragraphs for each in re.split(r"(?<=\.) (?=[A-Z])", paragraph)]
    before = ["", *sentences]
    return [
        each
        for each, last in zip(sentences, before, strict=False)
        if LIBRARY in each or (LIBRARY in last and each.startswith("It"))
    ]


def entries_of(optimizer: Any) -> list[catalogue.Entry]:
    """The operators of an optimizer's rules that MindSpore's own runs: dense ones, and fused sparse ones."""
    its = rules_of(optimizer)
    rows = (None, getattr(optimizer, "_rows", None))
    found = [entry for entry in catalogue.ENTRIES if entry.rule in its and entry.rows in rows]
    return [entry for entry in found if not entry.name.startswith("SparseApply")]


def rules_of(optimizer: type) -> list[Any]:
    """The rules that a class and its base classes name."""
    known = {getattr(rules, name): name for name in rules.__all__}
    found = []
    for owner in optimizer.__mro__:
        around = vars(sys.modules[owner.__module__])
        for node in ast.walk(tree_of(owner)):
            if isinstance(node, ast.Name) and around.get(node.id) in known:
                found.append(around[node.id])
            elif isinstance(node, ast.Attribute) and around.get(ast.unparse(node.value)) is rules:
                found.append(getattr(rules, node.attr))
    return found
