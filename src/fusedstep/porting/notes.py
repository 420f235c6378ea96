"""What is known while a program is read, and noting what it says about MindSpore."""

import ast
from dataclasses import dataclass, field

from .program import Program, Use
from .values import MINDSPORE, NOTHING, Known, Scope, Values, things

# What ``vars`` gives of a module.
NAMES = ".__dict__"


@dataclass
class ClassOfProgram:
    """A class that the program defines: the values of its attributes and its base classes."""

    attributes: dict[str, Values] = field(default_factory=dict)
    bases: Values = NOTHING


class Notes:
    """What is known while a program is read.

    Everything is run through twice, and noted the second time: then it is known what functions and classes give.
    """

    def __init__(self, file: str) -> None:
        self.program = Program(file)
        self.noting = False
        self.scope = Scope()
        self.function: ast.AST | None = None
        self.classes: dict[ast.AST, ClassOfProgram] = {}
        self.returns: dict[ast.AST, Values] = {}
        self.stars: list[str] = []

    def note(
        self, node: ast.expr, values: Values, call: ast.Call | None = None, decorated: ast.AST | None = None
    ) -> Values:
        """Note a use of each thing of MindSpore among values, and return the values."""
        for each in things(values):
            self.note_use(node, each, "call" if call else "use", call, decorated)
        return values

    def note_use(
        self, node: ast.expr, thing: Known, role: str, call: ast.Call | None = None, decorated: ast.AST | None = None
    ) -> None:
        """Note one use."""
        if self.noting and not thing.name.endswith(NAMES):
            self.program.uses.append(Use(*place(node), ast.unparse(node), thing.name, role, call, decorated))

    def note_local(self, module: str) -> None:
        """Note an imported module that is not MindSpore's."""
        if self.noting and module not in self.program.local_imports:
            self.program.local_imports.append(module)

    def note_import(self, alias: ast.alias, name: str) -> None:
        """Note an imported name."""
        if self.noting:
            self.program.uses.append(Use(alias.lineno, alias.col_offset + 1, alias.name, name, "import"))


def of_mindspore(module: str) -> bool:
    """Whether a module is MindSpore's.

    >>> of_mindspore("mindspore.nn"), of_mindspore("mindspore_gl")
    (True, False)
    """
    return module.split(".")[0] == MINDSPORE


def place(node: ast.expr) -> tuple[int, int]:
    """The line and column of an expression, counted from 1."""
    return node.lineno, node.col_offset + 1
