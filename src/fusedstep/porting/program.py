"""What reading a program finds: each use of a MindSpore name, and where an optimizer may be called."""

import ast
from dataclasses import dataclass, field
from typing import Any

from .values import Known, Local, Value, Values


@dataclass(frozen=True)
class Use:
    """One use of a MindSpore name.

    Attributes:
        line, column: where it stands, counted from 1.
        text: how the program writes it, as ``nn.FTRL``.
        name: the full name, as ``mindspore.nn.FTRL``.
        role: "import", "call", "decorator", "base" of a class, or "use".
        call: the call, if it is called, also by ``functools.partial``.
        decorated: the function or class that it decorates, or that it is called with.
    """

    line: int
    column: int
    text: str
    name: str
    role: str
    call: ast.Call | None = None
    decorated: ast.AST | None = None


@dataclass(frozen=True)
class Attribute:
    """An attribute of the result of a call, as ``optimizer.target``.

    Attributes:
        line, column, text: as those of a use.
        owner: the full name of what was called.
        name: the attribute's name.
        stored: the values that are assigned to it; None where it is read.
    """

    line: int
    column: int
    text: str
    owner: str
    name: str
    stored: Values | None = None


@dataclass(frozen=True)
class InstanceCall:
    """A call of the result of a call, as ``optimizer(grads)``."""

    line: int
    column: int
    text: str
    owner: str
    call: ast.Call


@dataclass(frozen=True)
class Dynamic:
    """A name that is known only when the program runs, as in ``getattr(nn, name)``."""

    line: int
    column: int
    text: str
    module: str


@dataclass
class Program:
    """Everything that one file says about MindSpore.

    Attributes:
        file: its name.
        uses: the uses of names, in the order of lines.
        attributes, calls: attributes and calls of results.
        dynamic: names that are not written down.
        callees: what each function calls: results of MindSpore's classes, local functions, and the texts of callees
            that reading does not tell.
        values: what each argument of a call may stand for.
        local_imports: the modules that are imported and not MindSpore's, relative ones with their dots.
    """

    file: str
    uses: list[Use] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    calls: list[InstanceCall] = field(default_factory=list)
    dynamic: list[Dynamic] = field(default_factory=list)
    callees: dict[ast.AST, set[Value | str]] = field(default_factory=dict)
    values: dict[ast.AST, Values] = field(default_factory=dict)
    local_imports: list[str] = field(default_factory=list)

    def arguments(self, call: ast.Call) -> dict[str | int, Values]:
        """The values of a call's arguments, by position and by name."""
        named: dict[Any, ast.expr] = dict(enumerate(call.args))
        named |= {each.arg: each.value for each in call.keywords if each.arg is not None}
        return {key: self.values.get(node, frozenset()) for key, node in named.items()}

    def reached(self, function: ast.AST) -> set[Known | str]:
        """What a function calls, itself or through functions of the program."""
        done: set[ast.AST] = set()
        left, found = [function], set[Known | str]()
        while left:
            node = left.pop()
            if node in done:
                continue
            done.add(node)
            for callee in self.callees.get(node, ()):
                if isinstance(callee, Local):
                    left.append(callee.node)
                elif isinstance(callee, Known | str):
                    found.add(callee)
        return found
