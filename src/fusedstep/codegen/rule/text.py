"""Rules that are given as text."""

import ast
import hashlib
import linecache
import math
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ... import rules
from ...rules import words

Function = Callable[..., Any]
Rule = Function | str

# What a text may name without an import.
NAMES: dict[str, Any] = {name: getattr(words, name) for name in words.__all__}
NAMES |= {name: getattr(words, name) for name in ("per_row", "per_column", "PerRow", "PerColumn")}
NAMES |= {"np": np, "math": math, "Any": Any}
TEXT = "__rule_text__"
EXAMPLE = "fs.Operator('''def rule(var, grad, *, lr): return var - lr * grad''')"


def rule_of(rule: Any) -> Any:
    """The function of a rule that is given as text; a rule that is not is returned as it is.

    A text is Python, executed in a module of its own. The last function that it defines is the rule; imports, constants
    and helpers may precede it. It sees the words of ``fusedstep.words``, ``np`` and ``math``, and nothing of the code
    around the call.

    Raises:
        TypeError: the text is not Python, defines no function, or names what it does not define.

    >>> float(rule_of("def descent(var, grad, *, lr): return var - lr * sign(grad)")(1.0, -0.5, lr=0.25))
    1.25
    """
    return function_of(textwrap.dedent(rule)) if isinstance(rule, str) else rule


@cache
def function_of(text: str) -> Function:
    """The last function that a text defines; its lines are known to tracebacks and to ``inspect``."""
    try:
        tree = ast.parse(text)
        compile(text, "<rule>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise TypeError(f"the text of a rule is invalid Python: {getattr(error, 'msg', error)}{line}") from None
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if not defined:
        named = f", or pass fs.rules.{text}" if text in rules.__all__ else ""
        raise TypeError(
            f"a rule is a plain Python function, got the text {textwrap.shorten(repr(text), 60)}, which defines none: "
            f"define it with def, as in {EXAMPLE}{named}"
        )
    file = f"<rule {defined[-1]} {hashlib.sha256(text.encode()).hexdigest()[:8]}>"
    space: dict[str, Any] = {**NAMES, "__name__": "fusedstep_rule", TEXT: text}
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    try:
        exec(compile(text, file, "exec", dont_inherit=True), space)  # noqa: S102 - the caller's own text
    except NameError as error:
        raise TypeError(
            f"the text of a rule cannot be executed: {error}; it sees the words of fusedstep.words, np, math and Any: "
            "import or define in it what else it names"
        ) from error
    function: Function | None = space.get(defined[-1])
    if function is None:
        raise TypeError(f"the text of a rule defines {defined[-1]}, which has no value at its end: do not delete it")
    return function


def text_of(rule: Any) -> str | None:
    """The text that a rule was given as, or None."""
    found: str | None = getattr(rule, "__globals__", {}).get(TEXT)
    return found


def portable(rule: Function) -> Rule:
    """A rule in a form that can be pickled: its text if it was given as one."""
    text = text_of(rule)
    return text if text is not None and function_of(text) is rule else rule
