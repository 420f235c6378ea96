"""Reads the files that kernels are woven from: definitions, unchanged, by name."""

import ast
from functools import cache

from ...loops.gpu import source_of
from ...source_text import source_text

WORDS = source_text(__package__, "words.py")


@cache
def definitions(source: str) -> tuple[ast.Module, dict[str, str]]:
    """The syntax tree of a file's text, and the text of each function and constant that it defines."""
    lines, tree = source.splitlines(), ast.parse(source)
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = "\n".join(lines[node.lineno - 1 : node.end_lineno])
    return tree, found


@cache
def loop_definitions(name: str) -> dict[str, str]:
    """The definitions of a loop's file and of the loop files that it imports from, but for the span words."""
    tree, found = definitions(source_of(name))
    for node in imports_within(tree):
        if node.module != "span_words":
            found = loop_definitions(str(node.module)) | found
    return found


@cache
def span_words_of(name: str) -> frozenset[str]:
    """The span words that a loop's file, and the loop files that it imports from, import."""
    tree, _ = definitions(source_of(name))
    words: set[str] = set()
    for node in imports_within(tree):
        own = node.module == "span_words"
        words |= {each.name for each in node.names} if own else span_words_of(str(node.module))
    return frozenset(words)


def imports_within(tree: ast.Module) -> list[ast.ImportFrom]:
    """The imports of files beside the file."""
    return [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.level == 1]


@cache
def parameters(name: str, function: str) -> list[str]:
    """The names of the arguments of a function of a loop's file."""
    return [argument.arg for argument in function_of(name, function).args.args]


def function_of(name: str, function: str) -> ast.FunctionDef:
    """The syntax tree of a function of a loop's file."""
    tree, _ = definitions(source_of(name))
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)


def word_definitions(words: set[str]) -> str:
    """The imports of ``words.py``, and the definitions of some of its words and of what these use."""
    tree, found = definitions(WORDS)
    imports = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    wanted = needed(words, found)
    return "\n\n\n".join(["\n".join(imports), *(text for name, text in found.items() if name in wanted)])


def needed(words: set[str], found: dict[str, str]) -> set[str]:
    """Some of the definitions of a file, and those that they name."""
    wanted, left = set(words), list(words)
    while left:
        text = found.get(left.pop())
        names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)} if text else set()
        left += [name for name in names & found.keys() if name not in wanted]
        wanted |= names & found.keys()
    return wanted
