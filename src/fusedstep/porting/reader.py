"""Reads a program: follows MindSpore's names through imports, bindings, functions and classes."""

import ast
import warnings
from pathlib import Path

from .definitions import Definitions
from .notes import of_mindspore
from .program import Program
from .values import NOTHING, Known, Scope, results, taken

BLOCKS = ("body", "orelse", "finalbody")


def read(file: Path) -> Program:
    """Read the program in a file. It is not run.

    Raises:
        OSError: the file cannot be read.
        SyntaxError: it is not Python's, with the line.
        ValueError: it is not text.
        RecursionError, MemoryError: its expressions are nested too deeply.
    """
    return read_source(file.read_bytes(), str(file))


def read_source(source: str | bytes, file: str = "<text>") -> Program:
    """Read the text of a program.

    >>> program = read_source("from mindspore import nn as layers\\noptimizer = layers.FTRL(weights)")
    >>> [(use.line, use.text, use.name) for use in program.uses]
    [(1, 'nn', 'mindspore.nn'), (2, 'layers.FTRL', 'mindspore.nn.FTRL')]
    """
    with warnings.catch_warnings():
        # The program's own, such as those of invalid escapes.
        warnings.simplefilter("ignore")
        tree = ast.parse(source, file)
    reader = Reader(file)
    for reader.noting in (False, True):
        reader.module(tree)
    found = reader.program
    found.uses.sort(key=lambda each: (each.line, each.column))
    return found


class Reader(Definitions):
    """Runs through statements in the order in which Python would; bodies of functions come last."""

    def module(self, tree: ast.Module) -> None:
        """Run through a whole program."""
        self.scope, self.stars = Scope(), []
        self.block(tree.body)
        while self.later:
            self.body(*self.later.pop(0))

    def block(self, statements: list[ast.stmt]) -> None:
        """Run through statements."""
        for statement in statements:
            run = getattr(self, f"run_{type(statement).__name__.lower()}", self.run_other)
            run(statement)

    def run_other(self, statement: ast.AST) -> None:
        """A statement of expressions and blocks: what its blocks bind is bound perhaps."""
        for name, child in ast.iter_fields(statement):
            children = [each for each in (child if isinstance(child, list) else [child]) if isinstance(each, ast.AST)]
            if name in ("handlers", "cases"):
                for each in children:
                    self.run_other(each)
            elif name in BLOCKS and all(isinstance(each, ast.stmt) for each in children):
                always = isinstance(statement, ast.With | ast.AsyncWith)
                self.branch(children, perhaps=not always)  # type: ignore[arg-type]
            elif name == "items":
                for each in children:
                    self.run_with_item(each)  # type: ignore[arg-type]
            else:
                for each in children:
                    self.value_of(each)

    def branch(self, statements: list[ast.stmt], *, perhaps: bool = True) -> None:
        """Run through statements that run perhaps."""
        self.depth += perhaps
        self.block(statements)
        self.depth -= perhaps

    def run_for(self, statement: ast.For | ast.AsyncFor) -> None:
        values = self.value_of(statement.iter)
        self.depth += 1
        self.bind(statement.target, taken(values))
        self.depth -= 1
        self.branch(statement.body)
        self.branch(statement.orelse)

    run_asyncfor = run_for

    def run_with_item(self, item: ast.withitem) -> None:
        values = self.value_of(item.context_expr)
        if item.optional_vars is not None:
            self.bind(item.optional_vars, values)

    def run_import(self, statement: ast.Import) -> None:
        for alias in statement.names:
            ours = of_mindspore(alias.name)
            bound = alias.asname or alias.name.split(".")[0]
            full = alias.name if alias.asname else bound
            self.bind_name(bound, frozenset({Known(full)}) if ours else NOTHING)
            if ours:
                self.note_import(alias, alias.name)
            else:
                self.note_local(alias.name)

    def run_importfrom(self, statement: ast.ImportFrom) -> None:
        module = "." * statement.level + (statement.module or "")
        if not of_mindspore(module):
            for alias in statement.names:
                if alias.name == "*":
                    self.stars.append(module)
                else:
                    self.bind_name(alias.asname or alias.name, NOTHING)
                self.note_local(module)
                self.note_local(f"{module}{alias.name}" if module.endswith(".") else f"{module}.{alias.name}")
            return
        for alias in statement.names:
            if alias.name == "*":
                self.stars.append(module)
                self.note_import(alias, module)
            else:
                self.bind_name(alias.asname or alias.name, frozenset({Known(f"{module}.{alias.name}")}))
                self.note_import(alias, f"{module}.{alias.name}")

    def run_assign(self, statement: ast.Assign) -> None:
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            starred = any(isinstance(each, ast.Starred) for each in (*target.elts, *value.elts))
            if len(target.elts) == len(value.elts) and not starred:
                for each, its in zip(target.elts, list(map(self.value_of, value.elts)), strict=True):
                    self.bind(each, its)
                return
        values = self.value_of(value)
        for each in statement.targets:
            self.bind(each, values)

    def run_annassign(self, statement: ast.AnnAssign) -> None:
        declared = results(self.value_of(statement.annotation))
        values = self.value_of(statement.value) if statement.value else NOTHING
        self.bind(statement.target, values or declared)

    def run_augassign(self, statement: ast.AugAssign) -> None:
        self.value_of(statement.value)
        if isinstance(statement.target, ast.Name):
            self.bind(statement.target, NOTHING)
        else:
            self.value_of(statement.target)

    def run_return(self, statement: ast.Return) -> None:
        if statement.value is not None:
            values = self.value_of(statement.value)
            if self.function is not None:
                self.returns[self.function] = self.returns.get(self.function, NOTHING) | values

    def run_global(self, statement: ast.Global) -> None:
        self.scope.outer |= dict.fromkeys(statement.names, self.scope.module)

    def run_nonlocal(self, statement: ast.Nonlocal) -> None:
        if self.scope.parent is not None:
            self.scope.outer |= dict.fromkeys(statement.names, self.scope.parent)
