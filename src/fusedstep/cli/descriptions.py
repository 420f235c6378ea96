"""Docstrings and sources of rules and operators, split into parts."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ..operators.docstrings import arguments_of
from ..rules import words
from .formulas import readable

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


def code(rule: Callable[..., Any], width: int) -> str:
    """The source of a rule after that of its helpers, without docstrings and annotations."""
    return "\n\n".join(definition(function, width) for function in [*dict.fromkeys(helpers(rule)), rule])


def helpers(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """The plain functions that a function calls, callees first."""
    for callee in inspect.getclosurevars(function).globals.values():
        if inspect.isfunction(callee) and callee.__module__ != words.__name__ and callee is not function:
            yield from helpers(callee)
            yield callee


def definition(function: Callable[..., Any], width: int) -> str:
    """The source of one function."""
    source = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    lines = source.splitlines()
    first = (node.body[1] if ast.get_docstring(node) is not None else node.body[0]).lineno - 1
    while lines[first - 1].lstrip().startswith("#"):
        first -= 1
    shown = [f"def {node.name}({ast.unparse(node.args)}):", *lines[first:]]
    return "\n".join(folded for line in shown for folded in fold(line, width))


def fold(line: str, width: int) -> list[str]:
    """Break a line of Python into lines with the same meaning, before operators.

    >>> fold("    total = first * second + third", 28)
    ['    total = first * second \\\\', '        + third']
    """
    bare = line.lstrip()
    indent = line[: len(line) - len(bare)]
    if len(line) <= width:
        return [line]
    if bare.startswith("#"):
        return textwrap.wrap(bare.lstrip("# "), width, initial_indent=indent + "# ", subsequent_indent=indent + "# ")
    before, mark, comment = line.partition("  # ")
    if mark:
        return [*fold(f"{indent}# {comment}", width), *fold(before, width)]
    pieces = textwrap.wrap(
        re.sub(r"(?<= )([-+*/|&]|if|else) ", "\\1\0", bare),
        width - len(" \\"),
        initial_indent=indent,
        subsequent_indent=indent + "    " * (2 if bare.startswith("def ") else 1),
        break_long_words=False,
        break_on_hyphens=False,
    )
    folded, depth = [], 0
    for piece in pieces[:-1]:
        depth += sum((sign in "([{") - (sign in ")]}") for sign in piece)
        folded.append(piece.replace("\0", " ") + ("" if depth else " \\"))
    return [*folded, pieces[-1].replace("\0", " ")]
