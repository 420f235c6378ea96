"""Finds definitions whose source Python does not keep: passed to ``python -c``, read from standard input, typed.

Such a text is a guess. It is used only if it compiles to the function's very code, its positions included.
"""

import __future__

import ast
import os
import re
import stat
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from .text import text_of

# The longest definition that is searched for in the history of a prompt.
LINES = 200


def lost_definition(function: Callable[..., Any]) -> ast.FunctionDef | None:
    """The definition of a function whose source is lost, or None if it cannot be found."""
    code = function.__code__
    for text in candidates(function):
        found = definition_in(text, code)
        if found is not None:
            return found
    return None


def definition_in(text: str | bytes, code: types.CodeType) -> ast.FunctionDef | None:
    """The definition in a text that compiles to some code, or None."""
    try:
        tree = ast.parse(text)
        module = compile(tree, "<rule>", "exec", future_flags(code), dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    if not any(exact(each) == exact(code) for each in codes_in(module)):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name and first_line(node) == code.co_firstlineno:
            return node
    return None


def first_line(node: ast.FunctionDef) -> int:
    """The first line of a definition, which its code names: that of its first decorator."""
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code of all functions in some code."""
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield each
            yield from codes_in(each)


def exact(code: types.CodeType) -> tuple[Any, ...]:
    """All that makes up a function's code, but for its file."""
    constants = [exact(each) if isinstance(each, types.CodeType) else repr(each) for each in code.co_consts]
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    names = code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_code, constants, counts, names, code.co_firstlineno, [*code.co_positions()]


def future_flags(code: types.CodeType) -> int:
    """The flags of the ``from __future__`` imports under which some code was compiled."""
    return code.co_flags & __future__.annotations.compiler_flag


def candidates(function: Callable[..., Any]) -> Iterator[str | bytes]:
    """Texts that may hold a function's definition."""
    text, file = text_of(function), function.__code__.co_filename
    if text is not None:
        yield text
    elif file == "<string>":
        for argument in sys.orig_argv[1:]:
            # The text follows -c, in one argument (-Ic"...") or in the next.
            yield argument
            yield re.sub(r"^-\w*?c", "", argument)
    elif file in ("<stdin>", "<console>"):
        yield from standard_input()
        yield from history(function.__code__)


def standard_input() -> Iterator[bytes]:
    """What standard input holds, if it is a file: unlike a pipe, it can be read again."""
    try:
        status = os.fstat(0)
        if stat.S_ISREG(status.st_mode):
            yield os.pread(0, status.st_size, 0)
    except (OSError, AttributeError):
        return


def history(code: types.CodeType) -> Iterator[str]:
    """Parts of what was typed at a prompt that may be a function's definition, the latest first."""
    readline: Any = sys.modules.get("readline")
    if readline is None:
        return
    count = readline.get_current_history_length()
    lines = [readline.get_history_item(number) or "" for number in range(1, count + 1)]
    end = max((line for _, _, line in code.co_lines() if line), default=1)
    for defined in range(count - 1, -1, -1):
        if re.match(rf"\s*(@|def\s+{re.escape(code.co_name)}\b)", lines[defined]):
            start = defined - (code.co_firstlineno - 1)
            for last in range(start + end, min(start + LINES, count + 1)):
                yield "\n".join(lines[max(start, 0) : last]) + "\n"
            # Of lines that are equal and follow each other, the history keeps one.
            typed = lines[max(start, 0) : start + end - 1]
            for place, line in enumerate(typed):
                yield "\n".join([*typed[:place], line, *typed[place:]]) + "\n"
