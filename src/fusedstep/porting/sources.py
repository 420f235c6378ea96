"""The source of fusedstep's own classes, where docstrings and signatures do not say enough."""

import ast
import inspect
import textwrap
from functools import cache


@cache
def tree_of(owner: type) -> ast.AST:
    """The syntax tree of a class; an empty one where its source does not exist."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(owner)))
    except (OSError, TypeError):
        return ast.Module([], [])
