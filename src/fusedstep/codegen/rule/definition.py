"""Reads a function's definition from its source, and checks that it is the one that was executed."""

import ast
import dis
import inspect
import types
from collections.abc import Callable
from typing import Any

from .refusal import refusal
from .source import future_flags, lost_definition

# The instructions that say what is computed of what.
OPERATIONS = {
    code: name
    for name, code in dis.opmap.items()
    if name.startswith(("BINARY_OP", "COMPARE_OP", "UNARY_", "LOAD_FAST"))
}


def definition_of(function: Callable[..., Any]) -> ast.FunctionDef:
    """The syntax tree of a function's definition, with the line numbers of its file.

    Raises:
        TypeError: the function is not made by a plain ``def``, its source is lost, or its file has changed.
    """
    if hasattr(function, "__wrapped__"):
        raise refusal(function, "it is wrapped by a decorator, which would be ignored: pass it without")
    if function.__name__ == "<lambda>":
        raise refusal(function, "it is a lambda: write it as def name(...): ... return ...")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        kind = "async" if inspect.iscoroutinefunction(function) else "a generator"
        raise refusal(function, f"it is {kind}: write a plain function, def name(...): ... return ...")
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        found = lost_definition(function)
        if found is None and not function.__code__.co_filename.startswith("<"):
            raise refusal(function, "the file of its source cannot be read: a rule is compiled from its text") from None
        if found is None:
            name = function.__name__ if function.__name__.isidentifier() else "rule"
            raise refusal(
                function,
                "its source is not available (typed at a prompt, read from a pipe, or built by exec): define it with "
                "def in a file and import it, or pass its text: "
                f"fs.Operator('''def {name}(var, ..., grad, *, lr, ...): ...''')",
            ) from None
        return found
    source = "".join(lines)
    # Under an `if`, an indented definition can be parsed.
    indented = source[:1].isspace()
    try:
        parsed = ast.parse(f"if True:\n{source}" if indented else source).body[0]
    except SyntaxError:
        parsed = None
    definition = parsed.body[0] if isinstance(parsed, ast.If) else parsed
    if not isinstance(definition, ast.FunctionDef):
        raise refusal(function, "it is not a function made by def: write it as def name(...): ... return ...")
    # Test runners rewrite assertions; a rule with an assertion is refused later.
    asserts = any(isinstance(node, ast.Assert) for node in ast.walk(definition))
    if not asserts and not same_code(definition, function):
        raise refusal(function, "its file has changed since it was imported: import it again")
    ast.increment_lineno(definition, max(first, 1) - 1 - indented)
    return definition


def same_code(definition: ast.FunctionDef, function: Callable[..., Any]) -> bool:
    """Return whether a definition has the names, constants and operations of a function's code."""
    bare = ast.FunctionDef(definition.name, definition.args, definition.body, [], lineno=1, col_offset=0)
    tree = ast.fix_missing_locations(ast.Module([bare], []))
    module = compile(tree, "<rule>", "exec", future_flags(function.__code__), dont_inherit=True)
    code = next(each for each in module.co_consts if isinstance(each, types.CodeType))
    return identity(code) == identity(function.__code__)


def identity(code: types.CodeType) -> tuple[Any, ...]:
    """What identifies a function's code; the code of inner functions differs each time and is left out."""
    constants = [repr(each) for each in code.co_consts if not isinstance(each, types.CodeType)]
    operations: list[tuple[str, int]] = []
    for number, argument in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        name = OPERATIONS.get(number, "")
        if name.count("LOAD_FAST") == 2:
            # Python 3.13 loads two names at once.
            operations += [("LOAD_FAST", argument >> 4), ("LOAD_FAST", argument & 15)]
        elif name:
            operations.append(("LOAD_FAST" if name.startswith("LOAD_FAST") else name, argument))
    return code.co_name, code.co_varnames, {*code.co_names, *code.co_freevars}, constants, operations
