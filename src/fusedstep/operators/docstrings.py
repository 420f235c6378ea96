"""Docstrings of rules and operators, split into parts."""

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from .formula_text import readable

NOT_NOTES = ("Raises:", ">>>")


@dataclass
class Description:
    """The parts of a docstring, as plain text.

    Attributes:
        summary: the first sentence.
        formula: the formulas, line by line.
        notes: the other paragraphs.
        arguments: the meaning of each argument, in the docstring's order.
        returns: the returned value.
        source: the origin of the rule.
        example: the doctest.
    """

    summary: str = ""
    formula: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    arguments: dict[str, str] = field(default_factory=dict)
    returns: str = ""
    source: str = ""
    example: str = ""


def description(docstring: str | None) -> Description:
    """Split a docstring in Google's style into parts."""
    text = inspect.cleandoc(docstring or "")
    found = Description(example=text[text.index(">>>") :].strip() if ">>>" in text else "")
    for block in blocks(text):
        if block.startswith(".. math::"):
            latex = textwrap.dedent(block.removeprefix(".. math::"))
            found.formula += [line for line in readable(latex).splitlines() if line]
        elif block.startswith("Args:"):
            found.arguments |= {name: plain(meaning) for name, meaning in arguments_of(block).items()}
        elif block.startswith("Returns:"):
            found.returns = plain(block.removeprefix("Returns:"))
        elif block.startswith("Source:"):
            found.source = plain(block.removeprefix("Source:"))
        elif not found.summary:
            found.summary = plain(block)
        elif not block.startswith(NOT_NOTES):
            found.notes.append(plain(block))
    return found


def merged(meanings: Mapping[str, str]) -> dict[str, str]:
    """Neighbours with the same meaning as one entry: a docstring describes them in one sentence.

    >>> merged({"beta1": "the decays", "beta2": "the decays", "lr": "the step size"})
    {'beta1, beta2': 'the decays', 'lr': 'the step size'}
    """
    groups = groupby(meanings.items(), key=lambda item: item[1] or item)
    return {", ".join(name for name, _ in items): items[0][1] for items in (list(group) for _, group in groups)}


def blocks(text: str) -> Iterator[str]:
    """The paragraphs of a text, each with the indented ones after it."""
    block: list[str] = []
    for line in text.splitlines():
        indented = line.startswith(" ") or not line
        if block and not block[-1] and not indented:
            yield "\n".join(block).strip()
            block = []
        block.append(line)
    yield "\n".join(block).strip()


def plain(text: str) -> str:
    """A paragraph without markup, on one line."""
    text = re.sub(r":math:`([^`]*)`", lambda found: readable(found[1]), text)
    return " ".join(re.sub(r":\w+:`([^`]*)`", r"\1", text).replace("``", "").split())


def arguments_of(docstring: str) -> dict[str, str]:
    """The meaning of each argument, from the ``Args:`` of a docstring without indentation; several may share one.

    >>> arguments_of("Scales.\\n\\nArgs:\\n    low, high: the ends,\\n        as numbers.\\n")
    {'low': 'the ends, as numbers.', 'high': 'the ends, as numbers.'}
    """
    section = re.split(r"^Args:\n", docstring, maxsplit=1, flags=re.MULTILINE)[-1]
    entries = re.findall(r"^    ([\w, *]+):(.*(?:\n {5,}.*)*)", re.split(r"\n(?=\S)", section)[0], re.MULTILINE)
    return {name.strip("* "): " ".join(text.split()) for names, text in entries for name in names.split(",")}
