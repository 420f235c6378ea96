"""The source of a rule, for readers."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from ..rules import words


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
        re.sub(r"(?<= )([-+*/%|&]|if|else) ", "\\1\0", bare),
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
