"""Reads a function's definition from its file, and checks that it is the one that was executed."""

import ast
import inspect
import types
from collections.abc import Callable
from typing import Any


def definition_of(function: Callable[..., Any]) -> ast.FunctionDef:
    """The syntax tree of a function's definition."""
    if hasattr(function, "__wrapped__"):
        raise TypeError(f"{function.__name__} is wrapped by a decorator, which would be ignored: pass it without")
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        raise TypeError(
            f"the source of {function.__name__} is not available (typed at a prompt, or built by exec): "
            "define it with def in a file or a notebook cell"
        ) from None
    try:
        # Under an `if`, an indented definition can be parsed.
        parsed = ast.parse(f"if True:\n{source}" if source[:1].isspace() else source).body[0]
    except SyntaxError:
        parsed = None
    definition = parsed.body[0] if isinstance(parsed, ast.If) else parsed
    if not isinstance(definition, ast.FunctionDef):
        raise TypeError(f"{function.__name__} is not a function made by def: write it as def name(...): ... return ...")
    # Test runners rewrite assertions; a rule with an assertion is refused later.
    asserts = any(isinstance(node, ast.Assert) for node in ast.walk(definition))
    if not asserts and not same_code(definition, function):
        raise TypeError(f"the file of {function.__name__} has changed since it was imported: import it again")
    return definition


def same_code(definition: ast.FunctionDef, function: Callable[..., Any]) -> bool:
    """Return whether a definition has the names and constants of a function's code."""
    bare = ast.FunctionDef(definition.name, definition.args, definition.body, [], lineno=1, col_offset=0)
    module = compile(ast.fix_missing_locations(ast.Module([bare], [])), "<rule>", "exec", dont_inherit=True)
    codes = [next(each for each in module.co_consts if isinstance(each, types.CodeType)), function.__code__]
    return names_and_constants(codes[0]) == names_and_constants(codes[1])


def names_and_constants(code: types.CodeType) -> tuple[Any, ...]:
    """What identifies a function's code; the code of inner functions differs each time and is left out."""
    constants = [repr(each) for each in code.co_consts if not isinstance(each, types.CodeType)]
    return code.co_name, code.co_varnames, {*code.co_names, *code.co_freevars}, constants
